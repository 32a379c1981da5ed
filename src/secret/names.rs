//! Which names tell that their value is secret: `DB_PASSWORD`, `splunk-token`, `apiKey`, `MYSQL_PWD`; not `TOKEN_URL` or `MAX_TOKENS`.

/// Telling wherever they stand in a name, whole or as the end of a word: `pgpassword`, `authtoken`.
const TELLING: [&str; 16] = [
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "authkey",
    "privatekey",
    "credential",
    "credentials",
    "cookie",
];
/// Telling as a name's last word only: `GITHUB_PAT`, `dbpass`, `MYSQL_PWD`.
const AT_THE_END: [&str; 11] =
    ["pass", "pwd", "pw", "pat", "auth", "authorization", "bearer", "creds", "cred", "tokens", "cookies"];
/// What a key is that is secret: `API_KEY`, `ssh-key`; a key of any other kind is one where a name has it in capitals or ends in it.
const PUBLIC_KEYS: [&str; 10] =
    ["public", "pub", "primary", "foreign", "sort", "cache", "partition", "group", "object", "hot"];
/// A name that ends so holds something about the secret.
const ABOUT: [&str; 61] = [
    "file",
    "files",
    "path",
    "dir",
    "folder",
    "volume",
    "volumes",
    "mount",
    "url",
    "uri",
    "endpoint",
    "name",
    "names",
    "type",
    "types",
    "kind",
    "method",
    "mode",
    "enabled",
    "disabled",
    "ttl",
    "timeout",
    "expiry",
    "expires",
    "expired",
    "lifetime",
    "length",
    "len",
    "min",
    "max",
    "size",
    "count",
    "limit",
    "limits",
    "domain",
    "policy",
    "plugin",
    "plugins",
    "driver",
    "provider",
    "providers",
    "host",
    "port",
    "stdin",
    "required",
    "store",
    "stores",
    "helper",
    "helpers",
    "version",
    "header",
    "format",
    "algorithm",
    "issuer",
    "audience",
    "scope",
    "scopes",
    "prompt",
    "parallelism",
    "user",
    "username",
];
/// Words that only end like a telling one.
const OTHERWISE: [&str; 5] = ["bypass", "compass", "trespass", "encompass", "oldpwd"];
/// The shell's own name of the working directory.
const FOLDER: &str = "PWD";

/// True for a name whose value is probably secret, in any case and spelling.
pub fn is_secret(name: &str) -> bool {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let Some((last, before)) = words.split_last() else { return false };
    if name == FOLDER {
        return false;
    }
    if ABOUT.contains(last) || OTHERWISE.contains(last) {
        return false;
    }
    let tells = |word: &&str| TELLING.iter().any(|telling| word.ends_with(telling));
    let ends = |ending: &&str| *last == *ending || (["pass", "pwd"].contains(ending) && last.ends_with(ending));
    let limit = before.iter().any(|word| ["max", "min", "num", "total"].contains(word));
    if words.iter().any(tells) || (AT_THE_END.iter().any(ends) && !limit) {
        return true;
    }
    let key = |pair: &[&str]| pair[1] == "key" && !PUBLIC_KEYS.contains(&pair[0]);
    let known = |pair: &[&str]| pair[1] == "key" && ["api", "access", "private", "secret"].contains(&pair[0]);
    words.windows(2).any(known) || (words.len() > 1 && key(&words[words.len() - 2..]) && *last == "key")
}

/// True where even a number or a plain word is the secret itself.
pub fn is_password(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "pwd", "secret"].iter().any(|word| name.contains(word))
}

/// `DB_PASSWORD`, `dbPassword` and `db-password` are `db` and `password`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (lower && c.is_ascii_uppercase()) {
            words.push(String::new());
        }
        lower = c.is_ascii_lowercase();
        if c.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell() {
        for name in [
            "PASSWORD",
            "DB_PASSWORD",
            "db.password",
            "pgPassword",
            "PGPASSWORD",
            "passwd",
            "dbpass",
            "requirepass",
            "MYSQL_PWD",
            "GITHUB_PAT",
            "NPM_TOKEN",
            "splunk-token",
            "apiKey",
            "API_KEY",
            "api-key",
            "apikey",
            "X-Api-Key",
            "OPENAI_API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "SECRET",
            "client_secret",
            "TS_AUTHKEY",
            "STRIPE_KEY",
            "ssh-key",
            "auth",
            "Authorization",
            "identitytoken",
            "Set-Cookie",
            "access_token",
            "PASSWORD_PROD",
            "TOKEN2",
            "credentials",
            "proxy-pass",
            "AccountKey",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "PATH",
            "XAUTHORITY",
            "AUTHOR",
            "SSH_AUTH_SOCK",
            "TOKENIZERS_PARALLELISM",
            "MAX_TOKENS",
            "PASSWORD_FILE",
            "AUTH_TYPE",
            "TOKEN_URL",
            "password-stdin",
            "authorization-plugins",
            "key",
            "public_key",
            "KEYMAP",
            "bypass",
            "OLDPWD",
            "credsStore",
            "NVIDIA_DRIVER_CAPABILITIES",
            "passed",
            "status",
            "docker-config",
            "patch",
            "secret-name",
            "compass",
            "monkey",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
