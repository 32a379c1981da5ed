//! One key of a TOML file, changed in its text: comments and order of everything else stay.

use gdoctor_checks::model::fix::Change;
use toml::{Table, Value};
use toml_edit::{Document, DocumentMut, Item};

/// The text after the edit. Err tells why this text cannot be edited so.
pub fn edited(text: &str, change: &Change<String>) -> Result<String, String> {
    // They would become a newline alone.
    if text.contains('\r') {
        return Err("ends its lines as Windows does".into());
    }
    let before: Table = text.parse().map_err(|why: toml::de::Error| format!("is no TOML ({})", why.message()))?;
    let mut wanted = before.clone();
    changed(&mut wanted, change)?;
    if wanted == before {
        return Ok(text.to_owned());
    }
    let after = match change {
        Change::Remove(key) => without(text, key),
        Change::Set(key, value) => with(text, key, |item| set(item, value)),
        Change::Add(key, value) => with(text, key, |item| add(item, value)),
        Change::Mend(_) => None,
    };
    match after {
        Some(after) if after.parse::<Table>().is_ok_and(|table| table == wanted) => Ok(after),
        _ => Err("cannot be edited by its text".into()),
    }
}

/// What the document is to say after it.
fn changed(table: &mut Table, change: &Change<String>) -> Result<(), String> {
    let (Change::Set(key, _) | Change::Add(key, _) | Change::Remove(key)) = change else {
        return Err("cannot be changed so".into());
    };
    let (name, way) = key.split_last().ok_or("names no key")?;
    let mut inner = table;
    for part in way {
        if matches!(change, Change::Remove(_)) && !inner.contains_key(part) {
            return Ok(());
        }
        let next = inner.entry(part.as_str()).or_insert_with(|| Value::Table(Table::new()));
        inner = next.as_table_mut().ok_or_else(|| format!("has another value at {part} where a table has to be"))?;
    }
    match change {
        Change::Set(_, new) => drop(inner.insert(name.clone(), value(new)?)),
        Change::Add(_, new) => {
            let list = inner.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
            let list = list.as_array_mut().ok_or_else(|| format!("has no list at {name}"))?;
            let new = value(new)?;
            if !list.contains(&new) {
                list.push(new);
            }
        }
        Change::Remove(_) | Change::Mend(_) => drop(inner.remove(name)),
    }
    Ok(())
}

/// Documents write values as JSON.
fn value(text: &str) -> Result<Value, String> {
    serde_json::from_str::<Value>(text).map_err(|why| why.to_string())
}

fn with(text: &str, key: &[String], put: impl Fn(&mut Item) -> Option<()>) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let (name, way) = key.split_last()?;
    let mut inner = document.as_table_mut() as &mut dyn toml_edit::TableLike;
    for part in way {
        let next = inner.entry(part).or_insert_with(|| Item::Table(toml_edit::Table::new()));
        inner = next.as_table_like_mut()?;
    }
    put(inner.entry(name).or_insert(Item::None))?;
    Some(document.to_string())
}

fn set(item: &mut Item, new: &str) -> Option<()> {
    let mut value = written(new)?;
    // The comment behind the old value stays.
    if let Some(old) = item.as_value() {
        *value.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(value);
    Some(())
}

fn add(item: &mut Item, new: &str) -> Option<()> {
    if item.is_none() {
        *item = Item::Value(toml_edit::Array::new().into());
    }
    item.as_array_mut()?.push(written(new)?);
    Some(())
}

fn written(json: &str) -> Option<toml_edit::Value> {
    value(json).ok()?.to_string().parse().ok()
}

/// The lines on which the key and its value stand go, and what is said about it before them stays.
fn without(text: &str, key: &[String]) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let (name, way) = key.split_last()?;
    let mut inner = document.as_table() as &dyn toml_edit::TableLike;
    for part in way {
        inner = inner.get(part)?.as_table_like()?;
    }
    let (from, to) = (inner.key(name)?.span()?.start, inner.get(name)?.span()?.end);
    let begin = text[..from].rfind('\n').map_or(0, |end| end + 1);
    let end = text[to..].find('\n').map_or(text.len(), |end| to + end + 1);
    Some(format!("{}{}", &text[..begin], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::super::told;

    const TEXT: &str = "#accept = false\ndisable-require = true # for old images\n\n[nvidia-container-cli]\n# of the host\nldconfig = \"/sbin/ldconfig\"\nroot = \"/run/nvidia/driver\"\n\n[nvidia-container-runtime]\nruntimes = [\"runc\"]\n";

    #[test]
    fn comments_and_order_stay() {
        assert_eq!(told(TEXT, "toml set disable-require false"), TEXT.replace("= true", "= false"));
        let host = "toml set nvidia-container-cli.ldconfig \"@/sbin/ldconfig\"";
        assert_eq!(told(TEXT, host), TEXT.replace("\"/sbin", "\"@/sbin"));
        assert_eq!(
            told(TEXT, "toml remove nvidia-container-cli.root"),
            TEXT.replace("root = \"/run/nvidia/driver\"\n", "")
        );
        assert_eq!(
            told(TEXT, "toml remove disable-require"),
            TEXT.replace("disable-require = true # for old images\n", "")
        );
        assert_eq!(told(TEXT, "toml remove nothing.there"), TEXT);
        let cgroups = "toml set nvidia-container-cli.no-cgroups true";
        assert_eq!(told(TEXT, cgroups), TEXT.replace("driver\"\n", "driver\"\nno-cgroups = true\n"));
        let runtimes = "toml add nvidia-container-runtime.runtimes \"crun\"";
        assert_eq!(told(TEXT, runtimes), TEXT.replace("[\"runc\"]", "[\"runc\", \"crun\"]"));
        assert_eq!(told("", "toml set a.b [\"x\", \"y\"]"), "[a]\nb = [\"x\", \"y\"]\n");
    }

    #[test]
    fn what_cannot_be_edited_is_said() {
        for (text, edit) in [
            ("a = ", "toml set b 1"),
            ("a = 1\n", "toml set a.b 1"),
            ("a = 1\n", "toml add a 1"),
            ("a = { b = 1, c = 2 }\n", "toml remove a.b"),
            ("a = 1\r\nb = 2\r\n", "toml set a 2"),
        ] {
            assert!(told(text, edit).starts_with("error: "), "{text} {edit}");
        }
    }
}
