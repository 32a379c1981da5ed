//! Which parts of a text are secret, by where they stand (`password=…`, `Authorization: …`, `user:…@host`) and by their shape (a
//! token's prefix, a key block); and the text without them. Everything that leaves gdoctor goes through here.

mod commands;
mod names;
mod shapes;
mod values;

use std::ops::Range;

pub use names::is_secret;
pub use values::holds;

/// What is shown in a secret's place.
const MASK: &str = "***";
/// A name longer than this is no name.
const LONGEST_NAME: usize = 64;

/// The text with three asterisks in the place of each secret.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for secret in find(text) {
        out.push_str(&text[at..secret.start]);
        out.push_str(MASK);
        at = secret.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The text with an asterisk in the place of each byte of a secret, so that places in it stay what they are.
pub fn overwritten(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for secret in find(text) {
        out.push_str(&text[at..secret.start]);
        out.extend(text[secret.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }));
        at = secret.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Where secrets stand, in order and apart from each other.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let Some(secret) = starting(text, at).map(|secret| whole(text, secret)) else {
            at += 1;
            continue;
        };
        at = secret.end.max(at + 1);
        // Commands and user information are seen from behind their beginning.
        while found.last().is_some_and(|last| last.end > secret.start) {
            found.pop();
        }
        if secret.start < secret.end {
            found.push(secret);
        }
    }
    let mut by_command = commands::find(text);
    if by_command.is_empty() {
        return found;
    }
    found.append(&mut by_command);
    found.sort_by_key(|secret| (secret.start, std::cmp::Reverse(secret.end)));
    found.into_iter().fold(Vec::new(), |mut all, secret| {
        match all.last_mut() {
            Some(last) if secret.start < last.end => last.end = last.end.max(secret.end),
            _ => all.push(secret),
        }
        all
    })
}

/// A look that goes no farther than so many bytes may have ended within a letter.
fn whole(text: &str, secret: Range<usize>) -> Range<usize> {
    let is_edge = |at: &usize| text.is_char_boundary(*at);
    let start = (0..=secret.start).rev().find(is_edge).unwrap_or_default();
    start..(secret.end..text.len()).find(is_edge).unwrap_or(text.len())
}

/// The secret that shows itself at this byte.
fn starting(text: &str, at: usize) -> Option<Range<usize>> {
    match text.as_bytes()[at] {
        b'=' | b':' | b'%' | b'>' => values::after_separator(text, at)
            .or_else(|| shapes::user_information(text, at))
            .or_else(|| shapes::webhook(text, at)),
        b'$' => shapes::password_hash(text, at),
        b'@' => shapes::bare_user_information(text, at),
        b'-' => shapes::key_block(text, at).or_else(|| values::after_flag(text, at)),
        byte if byte.is_ascii_alphanumeric() && is_start(text, at) => shapes::token(text, at)
            .or_else(|| shapes::bot_token(text, at))
            .or_else(|| shapes::raw_key(text, at))
            .or_else(|| values::after_scheme(text, at))
            .or_else(|| values::quoted_after(text, at)),
        _ => None,
    }
}

/// No word goes on here.
fn is_start(text: &str, at: usize) -> bool {
    at == 0 || !matches!(text.as_bytes()[at - 1], b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80..)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go() {
        for (text, left) in [
            (
                "bad storage-opt password=hunter2LOGPW Authorization: Bearer LOGBEARER AWS_SECRET_ACCESS_KEY=LOGAWS",
                "bad storage-opt password=*** Authorization: *** AWS_SECRET_ACCESS_KEY=***",
            ),
            ("-e PASSWORD=x$ecret -e PASSWD=$ecret!! x", "-e PASSWORD=*** -e PASSWD=*** x"),
            ("-e TOKEN=${TOKEN:-hf_abcdefgh} -e PASSWORD=hunter$(date) x", "-e TOKEN=${TOKEN:-***} -e PASSWORD=*** x"),
            ("-e MYSQL_PWD=abc -e GITHUB_PAT=\"a b c\" x", "-e MYSQL_PWD=*** -e GITHUB_PAT=\"***\" x"),
            ("-e WG_PEER=kFv3m0xqYb7Jm0P1o9Jt2rZs8c4wQhL5uVnXaBdEfG0= img", "-e WG_PEER=*** img"),
            ("-e \"DB_PASSWORD=correct horse\" img", "-e \"DB_PASSWORD=***\" img"),
            ("-v ${PWD:-.}/windows:/x ${DB_PASSWORD:-hunter2}/y", "-v ${PWD:-.}/windows:/x ${DB_PASSWORD:-***}/y"),
            (
                "${SECRETS_VOLUME:=my-secrets}:/x ${TOKEN:?set TOKEN}",
                "${SECRETS_VOLUME:=my-secrets}:/x ${TOKEN:?set TOKEN}",
            ),
            ("DATABASE_URL=postgres://u:p%40ss@db/x", "DATABASE_URL=postgres://***@db/x"),
            ("http://me:pa/ss@proxy:3128/ and tcp://a@b", "http://***@proxy:3128/ and tcp://***@b"),
            ("\"me:s3cret@registry.corp:5000\"", "\"***@registry.corp:5000\""),
            ("--log-opt splunk-token=176FCEBF-4CF5-4EDF", "--log-opt splunk-token=***"),
            ("--health-cmd 'mysqladmin ping -uroot -phunter2'", "--health-cmd 'mysqladmin ping -uroot -p***'"),
            ("curl -fsu admin:hunter2 http://x/", "curl -fsu *** http://x/"),
            ("CMD curl --user 'admin:hunter2' http://x/", "CMD curl --user '***' http://x/"),
            ("redis-server --requirepass hunter2 --port 1", "redis-server --requirepass *** --port 1"),
            ("[\"redis-server\", \"--requirepass\", \"hunter2\"]", "[\"redis-server\", \"--requirepass\", \"***\"]"),
            ("{\"auth\": \"YTpi\", \"x\": 1}", "{\"auth\": \"***\", \"x\": 1}"),
            ("{\\\"password\\\":\\\"hunter2\\\"}", "{\\\"password\\\":\\\"***\\\"}"),
            ("?access_token=abc&x=1", "?access_token=***&x=1"),
            ("password%3Dhunter2", "password%3D***"),
            ("  POSTGRES_PASSWORD: Sw0rd fish\n  X: y", "  POSTGRES_PASSWORD: ***\n  X: y"),
            ("api_key: swordfish", "api_key: ***"),
            ("password = \"hunter2\"", "password = \"***\""),
            ("token ghp_0123456789abcdefghijABCDEFGHIJ012345 x", "token *** x"),
            ("<password>hunter2</password>", "<password>***</password>"),
            ("ALTER USER x PASSWORD 'hunter2'", "ALTER USER x PASSWORD '***'"),
            ("Authorization: Basic bWU6c2VjcmV0", "Authorization: ***"),
            ("sent Basic bWU6c2VjcmV0 to it", "sent Basic *** to it"),
            ("Cookie: a=b; session=c\nHost: x", "Cookie: ***\nHost: x"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- x",
                "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY----- x",
            ),
            (
                "SLACK=https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/xYz0123456789AbCdEfGhIjK.",
                "SLACK=https://hooks.slack.com/***.",
            ),
            (
                "x https://discord.com/api/webhooks/1487200889859997746/q7Vd_mTzR3pLx0WbYc9KsJhGfDaUeIoN-XyZw y",
                "x https://discord.com/api/webhooks/*** y",
            ),
            (
                "https://api.telegram.org/bot1234567890:AAEhBP0av28fPQ9mZr2VbXw8LkYp0DsTfGh/sendMessage",
                "https://api.telegram.org/bot***/sendMessage",
            ),
            (
                "BLOB='https://a.blob.core.windows.net/c/f?sv=2022-11-02&sig=Qx7%2FrT2mVbnRmLpYsDgHcF%3D&se=2027'",
                "BLOB='https://a.blob.core.windows.net/c/f?sv=2022-11-02&sig=***&se=2027'",
            ),
            ("?X-Amz-Date=1&X-Amz-Signature=9f8e7d6c5b4a", "?X-Amz-Date=1&X-Amz-Signature=***"),
            ("users=admin:$$apr1$$H6uskkkW$$IgXLP6ewTrSuBkTrqE8wj/", "users=admin:***"),
            ("USERS='admin:$2y$05$rT9xQwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUiOpAsDfGhJkLzXc'", "USERS='admin:***'"),
            ("PLEX_CLAIM=claim-Xh7KqZ2mVbTnRmLpYsDg", "PLEX_CLAIM=***"),
            ("docker login -u me -p hunter2 reg", "docker login -u me -p *** reg"),
        ] {
            assert_eq!(masked(text), left);
            assert_eq!(masked(left), left, "twice is once");
            let over = overwritten(text);
            assert_eq!((over.len(), over.lines().count()), (text.len(), text.lines().count()), "{over}");
        }
    }

    #[test]
    fn letters_of_several_bytes_are_not_parted() {
        for shift in 0..4 {
            let text = format!("{}{}:0@0.034] x", "a".repeat(shift), "\u{fffd}".repeat(120));
            assert!(masked(&text).ends_with("***@0.034] x"), "{shift}");
            assert_eq!(overwritten(&text).len(), text.len(), "{shift}");
            let url = format!("http://{}{}", "a".repeat(shift), "\u{fffd}@".repeat(200));
            assert!(masked(&url).starts_with("http://***"), "{shift}: {}", masked(&url));
        }
    }

    #[test]
    fn all_else_stays() {
        for text in [
            "the password is wrong; token: none; no basic auth credentials; bearer token expired",
            "password: authentication failed for user me",
            "GPU-5ddc1ab9-7b1c-4e0c-9f00-0123456789ab sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
            "registry.corp:5000/app:1.2@sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
            "NVIDIA_DRIVER_CAPABILITIES=compute,utility -e DISPLAY=:0 -e XAUTHORITY=/tmp/x -e SSH_AUTH_SOCK=/run/s",
            "integrity sha256-kFv3m0xqYb7Jm0P1o9Jt2rZs8c4wQhL5uVnXaBdEfG0= SHA256:kFv3m0xqYb7Jm0P1o9Jt2rZs8c4wQhL5uVnXaBdEfG0=",
            "MAX_TOKENS=4096 TOKENIZERS_PARALLELISM=false POSTGRES_PASSWORD_FILE=/run/secrets/pg AUTH_TYPE=none",
            "-e TOKEN=$TOKEN -e TOKEN=${TOKEN} --password-stdin --token \"$T\" -e SECRET -e PASSWORD= x",
            "-u 1000:1000 --user app:app -p 8080:80 -v /a:/b:ro --network host",
            "authorization-plugins: [x] author=me PWD=/home/x keyboard=us status=pass docker-config: pass",
            "invalid character '}' after object key:value pair; unexpected token '<'",
            "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\"",
            "/etc/apt/keyrings/docker.asc signed-by=/usr/share/keyrings/x.gpg NO_PUBKEY 7EA0A9C3F273FCD8",
            "git@github.com:org/repo.git mailto:me@corp.example MIT-MAGIC-COOKIE-1 npm_config_registry=https://x.y/",
            "registry auth:5000, https://token:443/v2, pass:5000/app:1",
            "https://hooks.example/ see https://docs.docker.com/reference/webhooks/ nvidia-container-runtime-hook: /usr/bin/x",
            "signature: invalid sig=11 $1 costs $$5 ${A} 10.0.0.1:8080 12345678:abc GPG signature=bad",
            "credsStore: desktop credHelpers: gcloud secret \"db\" not found",
            "-e HF_TOKEN=$(cat ~/.cache/huggingface/token) -e API_KEY=`pass show api key` -e PASSWORD=\"$(pass $(whoami))\" x",
            "-e TOKEN=${HF_TOKEN:-$TOKEN} -e MAX_INPUT_TOKENS=4096 curl -H \"Authorization: Bearer $(cat token)\" http://x/",
            "curl -H \"Authorization: Bearer $TOKEN\" http://x/ | grep -o 'Cookie: ).*'",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
