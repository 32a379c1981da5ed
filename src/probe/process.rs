//! What /proc tells of a process that more than one group asks for.

/// The 64 hexadecimal digits of a container in the path of a control group: `/docker/<id>`, `docker-<id>.scope`.
pub fn container_id(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit());
    words.into_iter().find(|word| word.len() == 64).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::container_id;

    #[test]
    fn containers_by_their_control_group() {
        let id = "0123456789abcdef".repeat(4);
        for text in [
            format!("0::/docker/{id}\n"),
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("1:name=systemd:/docker/{id}\n"),
            format!("12:devices:/kubepods/pod1/{id}\n0::/\n"),
        ] {
            assert_eq!(container_id(&text), Some(id.clone()), "{text}");
        }
        assert_eq!(container_id("0::/system.slice/docker.service"), None);
        assert_eq!(container_id("0::/user.slice/user-1000.slice\n"), None);
    }
}
