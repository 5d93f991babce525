//! Parameters of the path.

use axum::extract::{FromRequestParts, RawPathParams};
use consort_model::id::Id;
use consort_model::{ApiError, FormErrors};
use http::request::Parts;

use crate::Failure;

/// The path's parameters in their order: `Ids((guild, user)): Ids<(GuildId, UserId)>`, `Ids(code): Ids<String>`.
///
/// Refuses with 400/50035 `NUMBER_TYPE_COERCE` what is no snowflake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids<T>(pub T);

/// One parameter.
pub trait Segment: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// Leaf code and message of a form error.
    fn parse(text: &str) -> Result<Self, (&'static str, String)>;
}

impl<M> Segment for Id<M> {
    fn parse(text: &str) -> Result<Self, (&'static str, String)> {
        text.parse().map_err(|_| {
            let shown: String = text.chars().take(64).collect();
            ("NUMBER_TYPE_COERCE", format!("Value \"{shown}\" is not snowflake."))
        })
    }
}

impl Segment for String {
    fn parse(text: &str) -> Result<Self, (&'static str, String)> {
        Ok(text.to_owned())
    }
}

/// All parameters of a path.
pub trait Segments: Sized {
    /// Reads them, in order.
    ///
    /// # Errors
    /// 400/50035 with every parameter that is wrong.
    fn read(params: &[(&str, &str)]) -> Result<Self, ApiError>;
}

fn one<T: Segment>(params: &[(&str, &str)], index: usize, errors: &mut FormErrors) -> Option<T> {
    let (name, text) = params.get(index)?;
    match T::parse(text) {
        Ok(value) => Some(value),
        Err((code, message)) => {
            errors.push(name, code, message);
            None
        }
    }
}

macro_rules! segments {
    ([$($generics:ident),*] $type:ty, $($name:ident),+) => {
        impl<$($generics),*> Segments for $type where $($name: Segment),+ {
            #[allow(non_snake_case, reason = "a type parameter's name is its value's name")]
            fn read(params: &[(&str, &str)]) -> Result<Self, ApiError> {
                let mut errors = FormErrors::new();
                let mut index = 0..;
                $(let $name = one::<$name>(params, index.next().unwrap_or(0), &mut errors);)+
                match ($($name,)+) {
                    ($(Some($name),)+) => Ok(($($name,)+)),
                    _ if !errors.is_empty() => Err(errors.into()),
                    _ => {
                        tracing::error!("a handler reads more parameters than its route has");
                        Err(ApiError::internal())
                    }
                }
            }
        }
    };
}

segments!([A, B](A, B), A, B);
segments!([A, B, C](A, B, C), A, B, C);
segments!([A, B, C, D](A, B, C, D), A, B, C, D);

impl<M> Segments for Id<M> {
    fn read(params: &[(&str, &str)]) -> Result<Self, ApiError> {
        single(params)
    }
}

impl Segments for String {
    fn read(params: &[(&str, &str)]) -> Result<Self, ApiError> {
        single(params)
    }
}

fn single<T: Segment>(params: &[(&str, &str)]) -> Result<T, ApiError> {
    let mut errors = FormErrors::new();
    let value = one(params, 0, &mut errors);
    if errors.is_empty() { value.ok_or_else(ApiError::internal) } else { Err(errors.into()) }
}

impl<T: Segments, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        // A parameter that is no UTF-8 names nothing.
        let params = params.map_err(|_| ApiError::bad_request())?;
        let params: Vec<_> = params.iter().collect();
        Ok(Self(T::read(&params)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_model::{GuildId, UserId};

    #[test]
    fn every_wrong_id_is_named() {
        let read = <(GuildId, UserId)>::read(&[("guild_id", "7"), ("user_id", "8")]);
        assert_eq!(read, Ok((GuildId::new(7), UserId::new(8))));
        let error = <(GuildId, UserId)>::read(&[("guild_id", "x"), ("user_id", "-1")]).unwrap_err();
        assert_eq!((error.status, error.code), (400, 50035));
        let errors = error.errors.unwrap();
        assert_eq!(errors.get("guild_id")[0].code, "NUMBER_TYPE_COERCE");
        assert_eq!(errors.get("guild_id")[0].message, "Value \"x\" is not snowflake.");
        assert_eq!(errors.get("user_id").len(), 1);
    }

    #[test]
    fn codes_are_taken_as_they_are() {
        assert_eq!(String::read(&[("code", "aB c")]).unwrap(), "aB c");
        assert_eq!(<(GuildId, String)>::read(&[("guild_id", "1"), ("x", "y")]).unwrap().1, "y");
    }
}
