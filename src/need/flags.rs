//! What the flags of the command line ask for.

use gdoctor_checks::model::need::{Gpus, Need, Origin, Picture, Wish};

use crate::cli::Wishes;

/// As flags of the command line.
pub fn need(wishes: &Wishes) -> Need {
    need_by(wishes, &Origin::Flag)
}

/// The same wishes with another origin; `flag` gets each as it would be typed.
pub fn need_by(wishes: &Wishes, flag: &dyn Fn(String) -> Origin) -> Need {
    Need {
        docker: Some(Origin::Default),
        gpu: wishes.gpu.map(|gpus| Wish::new(gpus, flag(as_typed(gpus)))),
        gpu_memory: wishes.gpu_memory.map(|bytes| Wish::new(bytes.0, flag(format!("--gpu-memory {bytes}")))),
        compute_capability: wishes
            .compute_capability
            .as_ref()
            .map(|version| Wish::new(version.clone(), flag(format!("--compute-capability {version}")))),
        driver: wishes
            .driver
            .as_ref()
            .map(|condition| Wish::new(condition.clone(), flag(format!("--driver '{condition}'")))),
        cuda: wishes.cuda.as_ref().map(|version| Wish::new(version.clone(), flag(format!("--cuda {version}")))),
        images: wishes.image.iter().map(|image| Wish::new(image.clone(), flag(format!("--image {image}")))).collect(),
        capabilities: wishes
            .capability
            .iter()
            .flat_map(|capabilities| capabilities.each())
            .map(|capability| Wish::new(capability, flag(format!("--capability {capability}"))))
            .collect(),
        decode: wishes.decode.iter().map(|codec| Wish::new(*codec, flag(format!("--decode {codec}")))).collect(),
        encode: wishes.encode.iter().map(|codec| Wish::new(*codec, flag(format!("--encode {codec}")))).collect(),
        display: wishes.display.then(|| flag("--display".into())),
        display_access: wishes.display.then(|| flag("--display".into())),
        cameras: wishes
            .camera
            .iter()
            .map(|camera| Wish::new(camera.wish(), flag(format!("--camera {}", camera.as_typed()))))
            .collect(),
        picture: picture(wishes, flag),
        frame: None,
        ports: wishes.port.iter().map(|port| Wish::new(port.clone(), flag(format!("--port {port}")))).collect(),
        registries: wishes
            .registry
            .iter()
            .map(|registry| Wish::new(registry.clone(), flag(format!("--registry {registry}"))))
            .collect(),
        registry_delete: wishes.registry_delete.then(|| flag("--registry-delete".into())),
        disk: wishes.disk.map(|bytes| Wish::new(bytes.0, flag(format!("--disk {bytes}")))),
        reclaim: wishes.reclaim.map(|most| Wish::new(most.as_secs().max(1), flag("--reclaim".into()))),
        container_user: wishes.container_user.unwrap_or_default(),
        run: None,
        dockerfile: None,
        files: Default::default(),
    }
}

fn as_typed(gpus: Gpus) -> String {
    match gpus {
        Gpus::All => "--gpu".into(),
        Gpus::Count(count) => format!("--gpu={count}"),
    }
}

fn picture(wishes: &Wishes, flag: &dyn Fn(String) -> Origin) -> Option<Wish<Picture>> {
    let format = wishes.camera_format.as_ref().map(|format| format!("--camera-format {format}"));
    let size = wishes.camera_size.map(|size| format!("--camera-size {size}"));
    let typed: Vec<String> = format.into_iter().chain(size).collect();
    let picture = Picture {
        fourcc: wishes.camera_format.clone(),
        size: wishes.camera_size.map(|size| (size.width, size.height)),
        rate: wishes.camera_size.and_then(|size| size.rate),
    };
    (!typed.is_empty()).then(|| Wish::new(picture, flag(typed.join(" "))))
}
