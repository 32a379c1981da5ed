//! The value of one of the kernel's settings in a file of these: sysctl.d(5).

use crate::host::sysctl;

/// With this value on the last line that sets it, which is the one that counts.
pub fn with(text: &str, name: &str, value: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = lines.iter().rposition(|line| sysctl::setting(line).is_some_and(|(set, _)| set == name));
    let at = at.ok_or(format!("has no line that sets {name}"))?;
    let (line, end) = lines[at].split_at(lines[at].trim_end().len());
    let (before, old) = line.split_once('=').ok_or("has no =")?;
    let blanks = &old[..old.len() - old.trim_start().len()];
    let line = format!("{before}={blanks}{value}{end}");
    Ok(lines[..at].iter().copied().chain([line.as_str()]).chain(lines[at + 1..].iter().copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn the_line_that_counts_gets_the_value() {
        let edit = "sysctl set net.ipv4.ip_forward 1";
        let text = "# net.ipv4.ip_forward = 0\nnet.ipv4.ip_forward=1\nnet.ipv4.conf.all.forwarding = 0 \nkernel.x=0";
        assert_eq!(told(text, edit), text.replace("forwarding = 0", "forwarding = 1"));
        assert_eq!(told("-net/ipv4/ip_forward=0", edit), "-net/ipv4/ip_forward=1");
        assert!(told("net.ipv4.ip_forward\nkernel.x = 0\n", edit).starts_with("error: has no line"));
    }
}
