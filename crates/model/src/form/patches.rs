//! Getters of three-state fields: a wrong value gives [`Patch::Absent`] and is noted.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::Form;
use super::image::Image;
use crate::id::Id;
use crate::patch::Patch;
use crate::permissions::Permissions;
use crate::time::Timestamp;

impl Form<'_> {
    /// Reads a three-state field with any getter.
    pub fn patch<T>(&self, name: &str, read: impl FnOnce(&Self) -> Option<T>) -> Patch<T> {
        match self.raw(name) {
            None => Patch::Absent,
            Some(Value::Null) => Patch::Null,
            Some(_) => read(self).map_or(Patch::Absent, Patch::Value),
        }
    }

    /// Three-state [`Form::str`].
    pub fn patch_str(&self, name: &str, length: RangeInclusive<usize>) -> Patch<String> {
        self.patch(name, |form| form.str(name, length))
    }

    /// Three-state [`Form::text`].
    pub fn patch_text(&self, name: &str, length: RangeInclusive<usize>) -> Patch<String> {
        self.patch(name, |form| form.text(name, length))
    }

    /// Three-state [`Form::int`].
    pub fn patch_int<T>(&self, name: &str, range: RangeInclusive<T>) -> Patch<T>
    where
        T: Copy + Display + PartialOrd + TryFrom<i128> + Into<i128>,
    {
        self.patch(name, |form| form.int(name, range))
    }

    /// Three-state [`Form::float`].
    pub fn patch_float(&self, name: &str, range: RangeInclusive<f64>) -> Patch<f64> {
        self.patch(name, |form| form.float(name, range))
    }

    /// Three-state [`Form::bool`].
    pub fn patch_bool(&self, name: &str) -> Patch<bool> {
        self.patch(name, |form| form.bool(name))
    }

    /// Three-state [`Form::id`].
    pub fn patch_id<T>(&self, name: &str) -> Patch<Id<T>> {
        self.patch(name, |form| form.id(name))
    }

    /// Three-state [`Form::ids`].
    pub fn patch_ids<T>(&self, name: &str, max: usize) -> Patch<Vec<Id<T>>> {
        self.patch(name, |form| form.ids(name, max))
    }

    /// Three-state [`Form::permissions`].
    pub fn patch_permissions(&self, name: &str) -> Patch<Permissions> {
        self.patch(name, |form| form.permissions(name))
    }

    /// Three-state [`Form::color`].
    pub fn patch_color(&self, name: &str) -> Patch<u32> {
        self.patch(name, |form| form.color(name))
    }

    /// Three-state [`Form::choice_u8`].
    pub fn patch_choice_u8(&self, name: &str, choices: &[u8]) -> Patch<u8> {
        self.patch(name, |form| form.choice_u8(name, choices))
    }

    /// Three-state [`Form::timestamp`].
    pub fn patch_timestamp(&self, name: &str) -> Patch<Timestamp> {
        self.patch(name, |form| form.timestamp(name))
    }

    /// Three-state [`Form::image`].
    pub fn patch_image(&self, name: &str, bytes_max: usize) -> Patch<Image> {
        self.patch(name, |form| form.image(name, bytes_max))
    }

    /// Three-state [`Form::array`].
    pub fn patch_array<T>(
        &self,
        name: &str,
        max: usize,
        read: impl FnMut(&Form<'_>) -> Option<T>,
    ) -> Patch<Vec<T>> {
        self.patch(name, |form| form.array(name, max, read))
    }

    /// Three-state [`Form::object`].
    pub fn patch_object<T>(&self, name: &str, read: impl FnOnce(&Form<'_>) -> Option<T>) -> Patch<T> {
        self.patch(name, |form| form.object(name, read))
    }

    /// Three-state [`Form::value`].
    pub fn patch_value(&self, name: &str) -> Patch<Value> {
        self.patch(name, |form| form.value(name))
    }
}
