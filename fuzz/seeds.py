"""seeds.py TARGET FOLDER: texts of tests/ to begin with, one a file."""
import glob, json, os, re, struct, sys

target, folder = sys.argv[1:]
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def read(pattern):
    return [open(path, "rb").read() for path in sorted(glob.glob(os.path.join(root, pattern), recursive=True))]


def quoted(pattern, key):
    """Values of `key = "…"` or of three quotes in TOML tables."""
    found = []
    for text in read(pattern):
        text = text.decode()
        found += re.findall(r'^%s = \"\"\"\n?(.*?)\"\"\"' % key, text, re.S | re.M)
        found += [json.loads('"%s"' % one) for one in re.findall(r'^%s = "((?:[^"\\]|\\[nt"\\])+)"$' % key, text, re.M)]
    return [one.encode() for one in found]


def strings(pattern, marker):
    """String literals of Rust tests that have the marker."""
    found = []
    for text in read(pattern):
        for raw in re.findall(r'r#"(.*?)"#', text.decode(), re.S):
            found.append(raw)
        for plain in re.findall(r'"((?:[^"\\]|\\.)*)"', text.decode(), re.S):
            plain = re.sub(r"\\\n\s*", "", plain).replace("\\n", "\n").replace('\\"', '"')
            found.append(plain)
    return [one.encode() for one in found if re.search(marker, one)]


def api():
    """The three answers of each recorded engine."""
    found = []
    for text in read("tests/api/*.json"):
        recorded = json.loads(text)
        answers = {key.rsplit("/", 1)[-1]: value for key, value in recorded.items()} if isinstance(recorded, dict) else {}
        found.append([answers.get("version", {}), answers.get("info", {}), answers.get("json", answers.get("containers", []))])
    return [json.dumps(one).encode() for one in found]


facts = read("tests/facts/*")
cookie = b"".join(struct.pack(">H", len(part)) + part for part in (b"desk", b"0", b"MIT-MAGIC-COOKIE-1", b"0123456789abcdef"))
seeds = {
    "run_line": lambda: quoted("tests/run_line.toml", "text") + strings("tests/run_line.rs", "docker run"),
    "compose": lambda: strings("tests/compose.rs", "services:") + strings("src/need/compose/*.rs", "services:"),
    "dockerfile": lambda: strings("tests/dockerfile.rs", "FROM ") + strings("src/need/dockerfile/*.rs", "FROM "),
    "need": lambda: strings("src/need/file.rs", " = ") + [b'gpu = 1\nport = [8080]\ncamera = "any"\n'],
    "facts": lambda: facts + [json.dumps(json.loads(one)["facts"]).encode() for one in facts],
    "diff": lambda: [one + b"\0" + one for one in facts],
    "explain": lambda: quoted("tests/explain.toml", "text") + quoted("tests/wordings.toml", "text"),
    "ld_so_cache": lambda: [b"glibc-ld.so.cache1.1" + struct.pack("<II", 1, 32) + bytes(20) + struct.pack("<iIIIQ", 0x303, 72, 84, 0, 0)
                            + b"libcuda.so.1\0/usr/lib/libcuda.so.1\0"],
    "cdi": lambda: strings("src/probe/toolkit/cdi.rs", "cdiVersion") + strings("tests/toolkit.rs", "cdiVersion"),
    "xauthority": lambda: [b"\x01\x00" + cookie, b"\xff\xff" + cookie + b"\x00\x00" + cookie],
    "daemon": api,
    "redaction": lambda: facts + strings("tests/share.rs", "[a-z]"),
}
for number, seed in enumerate(seeds[target]()):
    with open(os.path.join(folder, "%05d" % number), "wb") as file:
        file.write(seed)
