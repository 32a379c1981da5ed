//! Where room is short for what is wanted.

use crate::model::facts::disk::{Content, DiskFacts, Left, Place};
use crate::model::need::Need;

impl Place {
    /// True when bytes or inodes run short here, or there is less than `wanted`.
    pub fn is_short(&self, wanted: Option<u64>) -> bool {
        self.space.value().is_some_and(|space| {
            let bytes = match wanted {
                Some(wanted) => space.available < wanted || space.bytes_left() == Left::None,
                None => space.bytes_left() != Left::Enough,
            };
            bytes || space.inodes_left() != Left::Enough
        })
    }
}

impl DiskFacts {
    /// The places where room is short for what is wanted.
    pub fn short<'a>(&'a self, need: &Need) -> impl Iterator<Item = &'a Place> {
        let wanted = need.disk.as_ref().map(|wish| wish.what);
        let short = move |place: &&Place| {
            !place.is_temporary() && place.is_short(wanted.filter(|_| place.holds.contains(&Content::Images)))
        };
        self.places.value().into_iter().flatten().filter(short)
    }
}
