//! A line of metrics, as far as those who look at them need it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::metrics::{End, HAPPENED};

/// The number of a word that JSON has no number for.
pub(super) fn not_finite(word: &str) -> Option<f64> {
    match word {
        "NaN" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The object of a line.
pub(super) struct Line<'a> {
    pub step: u64,
    pub fields: Fields<'a>,
}

/// Names and values, in the order of the file.
pub(super) type Fields<'a> = Vec<(Cow<'a, str>, Field<'a>)>;

impl<'a> Line<'a> {
    /// That of a line's bytes; none if they are damaged.
    pub fn of(bytes: &'a [u8]) -> Option<Line<'a>> {
        let Object(fields) = serde_json::from_slice(bytes).ok()?;
        let mut line = Line { step: 0, fields };
        match line.find("step")? {
            Field::Whole(step) => line.step = *step,
            _ => return None,
        }
        Some(line)
    }

    /// A field; of several of one name the last counts.
    fn find(&self, name: &str) -> Option<&Field<'a>> {
        let field = self.fields.iter().rfind(|field| field.0 == name)?;
        Some(&field.1)
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.find(name)? {
            Field::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it tells what happened, and no figures.
    pub fn is_event(&self) -> bool {
        self.find("event").is_some()
    }

    /// What happened, if it tells that.
    pub fn event(&self) -> Option<&str> {
        self.text("event")
    }

    /// The iteration after which that was; where the run has gone back, the line has an earlier one.
    pub fn happened(&self) -> u64 {
        match self.find(HAPPENED) {
            Some(Field::Whole(step)) => *step,
            _ => self.step,
        }
    }

    /// How the run ended, if it says that it ended with it.
    pub fn end(&self) -> Option<End> {
        self.text("state").and_then(End::of)
    }
}

/// The fields of a line's object.
struct Object<'a>(Fields<'a>);

/// A value, as far as it matters.
pub(super) enum Field<'a> {
    Whole(u64),
    Number(f64),
    Text(Cow<'a, str>),
    Other,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Object<'de>;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    let Field::Text(name) = name else {
                        return Err(A::Error::custom("a name is text"));
                    };
                    fields.push((name, value));
                }
                Ok(Object(fields))
            }
        }
        from.deserialize_map(Named)
    }
}

impl<'de> Deserialize<'de> for Field<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Field<'de>;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("anything")
            }
            fn visit_u64<E>(self, value: u64) -> Result<Field<'de>, E> {
                Ok(Field::Whole(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Field<'de>, E> {
                Ok(Field::Number(value as f64))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Field<'de>, E> {
                Ok(Field::Number(value))
            }
            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Field<'de>, E> {
                Ok(Field::Text(Cow::Borrowed(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Field<'de>, E> {
                Ok(Field::Text(Cow::Owned(value.to_owned())))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Field<'de>, E> {
                Ok(Field::Other)
            }
            fn visit_unit<E>(self) -> Result<Field<'de>, E> {
                Ok(Field::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }
        }
        from.deserialize_any(Any)
    }
}
