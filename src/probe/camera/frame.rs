//! A picture of each wanted camera, by a child each. One after another: cameras of one USB bus cannot always stream together.

use std::collections::BTreeSet;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::camera::{CameraFacts, Node, Opened, Queue};
use gdoctor_checks::model::facts::frame::{FrameFacts, Streamed};
use gdoctor_checks::model::need::{Need, Picture};

use crate::host::{Host, child, input, output};

/// A picture's file is smaller than this, or something is wrong.
const CAP: usize = 256 << 20;

/// The nodes to take a picture from: those of the wanted cameras that can be opened and nobody uses.
pub fn cameras(facts: &CameraFacts, need: &Need) -> BTreeSet<String> {
    let wished = need.cameras.iter().filter_map(|wish| facts.to_picture(&wish.what).ok()).flatten();
    let free = |node: &Node| {
        node.said.opened.value() == Some(&Opened::Granted) && node.said.queue.value() == Some(&Queue::Free)
    };
    wished.filter(|(_, node)| free(node)).map(|(path, _)| path.to_owned()).collect()
}

/// Lets them stream, each for as long as one probe may take.
pub fn probe(host: &Host, need: &Need, cameras: &BTreeSet<String>) -> FrameFacts {
    let picture = need.picture.as_ref().map(|wish| wish.what.clone()).unwrap_or_default();
    FrameFacts {
        asked: Fact::present(cameras.len() as u32, "--frame"),
        cameras: cameras.iter().map(|path| (path.clone(), one(&host.renewed(), path, &picture))).collect(),
    }
}

fn one(host: &Host, path: &str, wanted: &Picture) -> Streamed {
    // Kept until it is read: the path leads to it no longer.
    let (_kept, file) = match output::scratch() {
        Ok(made) => made,
        Err(why) => return child::unknown_group(Gap::NoRoom(why.to_string()), path),
    };
    let (width, height) = wanted.size.unwrap_or_default();
    // The child ends by itself before it has to be ended.
    let time = host.deadline.left() * 9 / 10;
    let arguments = [
        host.on_disk(path).to_string_lossy().into_owned(),
        file.to_string_lossy().into_owned(),
        time.as_millis().to_string(),
        wanted.fourcc.clone().unwrap_or_default(),
        width.to_string(),
        height.to_string(),
        wanted.rate.unwrap_or_default().to_string(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut streamed: Streamed = child::probe("frame", &arguments, path, host.deadline);
    let source = streamed.picture.source.0.clone();
    streamed.picture = streamed.picture.parse(|mut picture| match input::regular_file(&file, CAP) {
        Some(Ok(bytes)) if !bytes.is_empty() => {
            picture.bytes = bytes;
            Ok(picture)
        }
        _ => Err(format!("{source}: it was not written")),
    });
    streamed
}
