//! The type of a message, without a word of what is in it.

use std::fmt;

use consort_runtime::OpName;
use serde::ser::{self, Impossible, Serialize, Serializer};

/// The type of an operation: the name of its variant, and of the variant inside it, if that is an operation of its own: the only
/// value of a variant, or its field `op`. A few instructions: the serializer that finds it stops at the first name.
pub fn op_name<Op: Serialize>(op: &Op) -> OpName {
    match op.serialize(Namer { outer: None }) {
        Err(Found(Some(name))) => name,
        _ => OpName::plain("(unnamed)"),
    }
}

/// Ends the serialization as soon as the name is known.
#[derive(Debug)]
struct Found(Option<OpName>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name was looked for")
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self(None)
    }
}

struct Namer {
    outer: Option<&'static str>,
}

impl Namer {
    /// Nothing further inside has a name.
    fn end(&self) -> Found {
        Found(self.outer.map(OpName::plain))
    }

    fn variant(&self, variant: &'static str) -> Found {
        Found(Some(match self.outer {
            None => OpName::plain(variant),
            Some(outer) => OpName { outer, inner: variant },
        }))
    }
}

/// Looks for the operation inside a variant with fields.
struct Fields(&'static str);

impl ser::SerializeStructVariant for Fields {
    type Ok = ();
    type Error = Found;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Found> {
        if key == "op" { value.serialize(Namer { outer: Some(self.0) }) } else { Ok(()) }
    }

    fn end(self) -> Result<(), Found> {
        Err(Found(Some(OpName::plain(self.0))))
    }
}

macro_rules! nameless {
    ($($method:ident: $value:ty),* $(,)?) => {
        $(fn $method(self, _value: $value) -> Result<(), Found> {
            Err(self.end())
        })*
    };
}

impl Serializer for Namer {
    type Ok = ();
    type Error = Found;
    type SerializeSeq = Impossible<(), Found>;
    type SerializeTuple = Impossible<(), Found>;
    type SerializeTupleStruct = Impossible<(), Found>;
    type SerializeTupleVariant = Impossible<(), Found>;
    type SerializeMap = Impossible<(), Found>;
    type SerializeStruct = Impossible<(), Found>;
    type SerializeStructVariant = Fields;

    nameless! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_none(self) -> Result<(), Found> {
        Err(self.end())
    }

    fn serialize_unit(self) -> Result<(), Found> {
        Err(self.end())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<(), Found> {
        Err(self.end())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Found> {
        Err(self.variant(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _value: &T,
    ) -> Result<(), Found> {
        Err(self.end())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Found> {
        match self.outer {
            None => value.serialize(Self { outer: Some(variant) }),
            Some(_) => Err(self.variant(variant)),
        }
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Found> {
        Err(self.end())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Found> {
        Err(self.end())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Found> {
        Err(self.end())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Found> {
        Err(self.variant(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Found> {
        Err(self.end())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Found> {
        Err(self.end())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, Found> {
        match self.outer {
            None => Ok(Fields(variant)),
            Some(_) => Err(self.variant(variant)),
        }
    }

    // Never asked for: only variants are of interest, and they have names.
    fn is_human_readable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    enum Inner {
        Send(String),
        Delete { id: u64 },
        Clear,
    }

    #[derive(serde::Serialize)]
    enum Outer {
        Sum,
        Add(u64),
        Take(Vec<Inner>),
        Pair(u64, u64),
        Maybe(Option<Inner>),
        Message { channel: u64, op: Inner },
        Dm { other: u64 },
        Direct(Inner),
    }

    #[test]
    fn a_message_is_named_by_its_variant_and_the_one_inside() {
        let send = || Inner::Send("secret".to_owned());
        let named = [
            (Outer::Sum, "Sum"),
            (Outer::Add(1), "Add"),
            (Outer::Take(vec![send()]), "Take"),
            (Outer::Pair(1, 2), "Pair"),
            (Outer::Maybe(Some(send())), "Maybe"),
            (Outer::Message { channel: 1, op: send() }, "Message.Send"),
            (Outer::Message { channel: 1, op: Inner::Clear }, "Message.Clear"),
            (Outer::Dm { other: 1 }, "Dm"),
            (Outer::Direct(Inner::Delete { id: 1 }), "Direct.Delete"),
        ];
        for (op, name) in named {
            assert_eq!(op_name(&op).to_string(), name);
        }
    }
}
