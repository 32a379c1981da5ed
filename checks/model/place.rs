//! What kind of name a text of facts or need can hold. A field says it in its type's declaration:
//! `#[serde(serialize_with = "place::host")]`; a text without a word is prose, in which only names that are known from elsewhere are
//! replaced when a file is shared. Keys and the words of enums hold no name and need no mark.
//!
//! In JSON and TOML a mark leaves no trace.

use serde::{Serialize, Serializer};

macro_rules! places {
    ($($(#[$words:meta])* $mark:ident $place:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Place {
            $($(#[$words])* $place,)*
        }

        impl Place {
            /// The place that a newtype's name stands for.
            pub fn of(mark: &str) -> Option<Self> {
                $(if mark == concat!("place::", stringify!($mark)) {
                    return Some(Self::$place);
                })*
                None
            }

            fn mark(self) -> &'static str {
                match self {
                    $(Self::$place => concat!("place::", stringify!($mark)),)*
                }
            }
        }

        $(
            $(#[$words])*
            pub fn $mark<T: Serialize + ?Sized, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct(concat!("place::", stringify!($mark)), value)
            }
        )*
    };
}

places! {
    /// Prose, a command, a path of the system's: a name may stand in it.
    text Text,
    /// A word of a program's, a version, an architecture, a key: never a name.
    word Word,
    /// A login name.
    user User,
    /// A group, which may have a user's name.
    group Group,
    /// A host, `HOST:PORT`, an address, a network, or several of them between commas or blanks.
    host Host,
    /// A container's name.
    container Container,
    /// A network's name.
    network Network,
    /// A context of docker's client.
    context Context,
    /// A program of the user's own choice: a credential helper, a runtime.
    helper Helper,
    /// `REGISTRY/NAME:TAG@DIGEST`.
    image Image,
    /// A path whose folders somebody named, or a volume.
    path Path,
    /// A number that one device alone has.
    serial Serial,
}

/// A text whose place only its owner knows.
pub struct Marked<'a, T: ?Sized>(pub Place, pub &'a T);

impl<T: Serialize + ?Sized> Serialize for Marked<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(self.0.mark(), self.1)
    }
}
