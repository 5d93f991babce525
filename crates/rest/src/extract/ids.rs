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

/// Parameters that are read from a path, one after another.
pub trait Segments: Sized {
    /// Takes as many as it consists of. `None` when one of them is wrong, which the path remembers.
    fn take(path: &mut Path<'_>) -> Option<Self>;
}

/// What is left of a path's parameters, and what was wrong with those before.
#[derive(Debug)]
pub struct Path<'a> {
    params: std::slice::Iter<'a, (&'a str, &'a str)>,
    errors: FormErrors,
}

impl<'a> Path<'a> {
    /// Reads parameters, given as names and texts.
    ///
    /// # Errors
    /// 400/50035 with every parameter that is wrong.
    pub(crate) fn read<T: Segments>(params: &'a [(&'a str, &'a str)]) -> Result<T, ApiError> {
        let mut path = Self { params: params.iter(), errors: FormErrors::new() };
        match T::take(&mut path) {
            Some(value) => Ok(value),
            None if !path.errors.is_empty() => Err(path.errors.into()),
            None => {
                tracing::error!("a handler reads more parameters than its route has");
                Err(ApiError::internal())
            }
        }
    }
}

impl Segments for () {
    fn take(_: &mut Path<'_>) -> Option<Self> {
        Some(())
    }
}

impl<M> Segments for Id<M> {
    fn take(path: &mut Path<'_>) -> Option<Self> {
        let (name, text) = path.params.next()?;
        let id = text.parse();
        if id.is_err() {
            let shown: String = text.chars().take(64).collect();
            path.errors.push(name, "NUMBER_TYPE_COERCE", format!("Value \"{shown}\" is not snowflake."));
        }
        id.ok()
    }
}

impl Segments for String {
    fn take(path: &mut Path<'_>) -> Option<Self> {
        path.params.next().map(|(_, text)| (*text).to_owned())
    }
}

macro_rules! segments {
    ($($name:ident),+) => {
        impl<$($name: Segments),+> Segments for ($($name,)+) {
            #[allow(non_snake_case, reason = "a type parameter's name is its value's name")]
            fn take(path: &mut Path<'_>) -> Option<Self> {
                // All are taken, so that every wrong one is named.
                $(let $name = $name::take(path);)+
                Some(($($name?,)+))
            }
        }
    };
}

segments!(A, B);
segments!(A, B, C);
segments!(A, B, C, D);

impl<T: Segments, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        // A parameter that is no UTF-8 names nothing.
        let params = params.map_err(|_| ApiError::bad_request())?;
        let params: Vec<_> = params.iter().collect();
        Ok(Self(Path::read(&params)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_model::{GuildId, UserId};

    #[test]
    fn every_wrong_id_is_named() {
        type Both = (GuildId, UserId);
        let read = Path::read::<Both>(&[("guild_id", "7"), ("user_id", "8")]);
        assert_eq!(read, Ok((GuildId::new(7), UserId::new(8))));
        let error = Path::read::<Both>(&[("guild_id", "x"), ("user_id", "-1")]).unwrap_err();
        assert_eq!((error.status, error.code), (400, 50035));
        let errors = error.errors.unwrap();
        assert_eq!(errors.get("guild_id")[0].code, "NUMBER_TYPE_COERCE");
        assert_eq!(errors.get("guild_id")[0].message, "Value \"x\" is not snowflake.");
        assert_eq!(errors.get("user_id").len(), 1);
    }

    #[test]
    fn codes_are_taken_as_they_are() {
        assert_eq!(Path::read(&[("code", "aB c")]), Ok("aB c".to_owned()));
        let read = Path::read::<(GuildId, String)>(&[("guild_id", "1"), ("x", "y")]);
        assert_eq!(read, Ok((GuildId::new(1), "y".to_owned())));
    }

    #[test]
    fn parameters_may_be_read_in_groups() {
        let params = [("guild_id", "1"), ("user_id", "2"), ("role_id", "3")];
        type Grouped = (GuildId, (UserId, GuildId));
        let expected = (GuildId::new(1), (UserId::new(2), GuildId::new(3)));
        assert_eq!(Path::read::<Grouped>(&params), Ok(expected));
        assert_eq!(Path::read::<(GuildId, ())>(&params), Ok((GuildId::new(1), ())));
        assert_eq!(Path::read::<(GuildId, UserId)>(&params[..1]).unwrap_err().status, 500);
    }
}
