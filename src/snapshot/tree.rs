//! A typed value as a tree in which each text knows what kind of name it can hold. What the type itself says, its fields and the
//! words of its enums, is fixed and can be told from texts of the host even where they are the same.

use gdoctor_checks::model::place::Place;
use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Numbers, switches, and words of enums.
    Fixed(Value),
    Text(Place, String),
    List(Vec<Tree>),
    /// Keys of a struct are fixed, keys of a map are texts.
    Table(Vec<(Tree, Tree)>),
}

/// Fails for what JSON cannot hold.
pub fn tree(value: &impl Serialize) -> serde_json::Result<Tree> {
    value.serialize(Grower { place: Place::Text })
}

impl Tree {
    /// Every text and every word, in order.
    pub fn each<'a>(&'a self, see: &mut dyn FnMut(&'a Tree)) {
        match self {
            Tree::List(list) => list.iter().for_each(|inner| inner.each(see)),
            Tree::Table(rows) => rows.iter().for_each(|(key, inner)| {
                key.each(see);
                inner.each(see);
            }),
            leaf => see(leaf),
        }
    }

    /// The document, each text changed.
    pub fn document(&self, change: &dyn Fn(Place, &str) -> String) -> Value {
        match self {
            Tree::Fixed(value) => value.clone(),
            Tree::Text(place, text) => change(*place, text).into(),
            Tree::List(list) => list.iter().map(|inner| inner.document(change)).collect(),
            Tree::Table(rows) => {
                let key = |key: &Tree| match key.document(change) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                rows.iter().map(|(name, inner)| (key(name), inner.document(change))).collect::<Map<_, _>>().into()
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Grower {
    place: Place,
}

fn word(word: &'static str) -> Tree {
    Tree::Fixed(word.into())
}

impl Serializer for Grower {
    type Ok = Tree;
    type Error = serde_json::Error;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Table;
    type SerializeStruct = Table;
    type SerializeStructVariant = Table;

    fn serialize_bool(self, v: bool) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_i8(self, v: i8) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_i16(self, v: i16) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_i32(self, v: i32) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_i64(self, v: i64) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_u8(self, v: u8) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_u16(self, v: u16) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_u32(self, v: u32) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_u64(self, v: u64) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_f32(self, v: f32) -> serde_json::Result<Tree> {
        // By its shortest text, as a file has it.
        serde_json::from_str(&v.to_string()).map(Tree::Fixed)
    }
    fn serialize_f64(self, v: f64) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_char(self, v: char) -> serde_json::Result<Tree> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, v: &str) -> serde_json::Result<Tree> {
        Ok(Tree::Text(self.place, v.to_owned()))
    }
    fn serialize_bytes(self, v: &[u8]) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(v.into()))
    }
    fn serialize_none(self) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(Value::Null))
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> serde_json::Result<Tree> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(Value::Null))
    }
    fn serialize_unit_struct(self, _: &'static str) -> serde_json::Result<Tree> {
        Ok(Tree::Fixed(Value::Null))
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> serde_json::Result<Tree> {
        Ok(word(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> serde_json::Result<Tree> {
        value.serialize(Self { place: Place::of(name).unwrap_or(self.place) })
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> serde_json::Result<Tree> {
        Ok(Tree::Table(vec![(word(variant), value.serialize(self)?)]))
    }
    fn serialize_seq(self, _: Option<usize>) -> serde_json::Result<List> {
        Ok(List { within: self, variant: None, list: Vec::new() })
    }
    fn serialize_tuple(self, _: usize) -> serde_json::Result<List> {
        self.serialize_seq(None)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> serde_json::Result<List> {
        self.serialize_seq(None)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> serde_json::Result<List> {
        Ok(List { within: self, variant: Some(variant), list: Vec::new() })
    }
    fn serialize_map(self, _: Option<usize>) -> serde_json::Result<Table> {
        Ok(Table { within: self, variant: None, key: None, rows: Vec::new() })
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> serde_json::Result<Table> {
        self.serialize_map(None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> serde_json::Result<Table> {
        Ok(Table { within: self, variant: Some(variant), key: None, rows: Vec::new() })
    }
}

struct List {
    within: Grower,
    variant: Option<&'static str>,
    list: Vec<Tree>,
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> serde_json::Result<()> {
        self.list.push(value.serialize(self.within)?);
        Ok(())
    }

    fn grown(self) -> Tree {
        of_variant(self.variant, Tree::List(self.list))
    }
}

/// A variant's content stands under its name.
fn of_variant(variant: Option<&'static str>, content: Tree) -> Tree {
    match variant {
        Some(variant) => Tree::Table(vec![(word(variant), content)]),
        None => content,
    }
}

macro_rules! lists {
    ($($way:ident $push:ident,)*) => {$(
        impl $way for List {
            type Ok = Tree;
            type Error = serde_json::Error;
            fn $push<T: Serialize + ?Sized>(&mut self, value: &T) -> serde_json::Result<()> {
                self.push(value)
            }
            fn end(self) -> serde_json::Result<Tree> {
                Ok(self.grown())
            }
        }
    )*};
}

lists! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

struct Table {
    within: Grower,
    variant: Option<&'static str>,
    key: Option<Tree>,
    rows: Vec<(Tree, Tree)>,
}

impl SerializeMap for Table {
    type Ok = Tree;
    type Error = serde_json::Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> serde_json::Result<()> {
        self.key = Some(key.serialize(self.within)?);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> serde_json::Result<()> {
        let key = self.key.take().ok_or_else(|| serde_json::Error::custom("a value without a key"))?;
        self.rows.push((key, value.serialize(self.within)?));
        Ok(())
    }
    fn end(self) -> serde_json::Result<Tree> {
        Ok(of_variant(self.variant, Tree::Table(self.rows)))
    }
}

macro_rules! tables {
    ($($way:ident,)*) => {$(
        impl $way for Table {
            type Ok = Tree;
            type Error = serde_json::Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> serde_json::Result<()> {
                self.rows.push((word(key), value.serialize(self.within)?));
                Ok(())
            }
            fn end(self) -> serde_json::Result<Tree> {
                SerializeMap::end(self)
            }
        }
    )*};
}

tables! { SerializeStruct, SerializeStructVariant, }

#[cfg(test)]
mod tests {
    use super::*;
    use gdoctor_checks::model::facts::Facts;

    #[test]
    fn what_the_type_says_is_fixed_and_what_the_host_says_is_text() {
        let mut facts = Facts::default();
        facts.docker.endpoint = gdoctor_checks::model::fact::Fact::present(
            serde_json::from_str(r#"{"address": {"unix": "/run/docker.sock"}, "chosen_by": "docker-host"}"#).unwrap(),
            "DOCKER_HOST",
        );
        let tree = tree(&facts).unwrap();
        let mut texts = Vec::new();
        tree.each(&mut |leaf| {
            if let Tree::Text(_, text) = leaf
                && !text.is_empty()
            {
                texts.push(text.as_str());
            }
        });
        assert_eq!(texts, ["/run/docker.sock", "DOCKER_HOST"]);
        assert_eq!(tree.document(&|_, text| text.to_owned()), crate::document::untyped(&facts));
    }
}
