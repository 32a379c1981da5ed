//! Which names of variables usually hold a secret.

pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "COOKIE", "AUTH"].iter().any(|word| name.contains(word))
        && name != "XAUTHORITY"
}
