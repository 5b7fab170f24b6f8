//! JSON objects whose fields are taken one by one, so that what is left over is known.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::{BootstrapError, Ignored};

/// What has been found to have no effect.
#[derive(Debug, Default)]
pub(super) struct Notes(RefCell<Vec<Ignored>>);

impl Notes {
    pub(super) fn ignored(&self, field: impl Into<String>, why: &'static str) {
        self.0.borrow_mut().push(Ignored {
            field: field.into(),
            why,
        });
    }

    pub(super) fn into_sorted(self) -> Vec<Ignored> {
        let mut notes = self.0.into_inner();
        notes.sort();
        notes
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
    notes: &'a Notes,
}

/// An object whose fields are read; the others are noted when it is dropped.
#[derive(Debug)]
pub(super) struct Object<'a> {
    fields: &'a Map<String, Value>,
    taken: Vec<&'static str>,
    path: String,
    notes: &'a Notes,
}

impl<'a> Field<'a> {
    pub(super) fn root(value: &'a Value, notes: &'a Notes) -> Self {
        let path = String::new();
        Self { value, path, notes }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> BootstrapError {
        BootstrapError::Field {
            field: if self.path.is_empty() {
                "(top level)".to_owned()
            } else {
                self.path.clone()
            },
            message: message.into(),
        }
    }

    fn expected(&self, what: &str) -> BootstrapError {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.error(format!("must be {what}, and is {found}"))
    }

    pub(super) fn ignored(&self, why: &'static str) {
        self.notes.ignored(&self.path, why);
    }

    pub(super) fn text(&self) -> Result<&'a str, BootstrapError> {
        self.value.as_str().ok_or_else(|| self.expected("a string"))
    }

    pub(super) fn bool(&self) -> Result<bool, BootstrapError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.expected("true or false"))
    }

    pub(super) fn object(&self) -> Result<Object<'a>, BootstrapError> {
        Ok(Object {
            fields: self.map()?,
            taken: Vec::new(),
            path: self.path.clone(),
            notes: self.notes,
        })
    }

    pub(super) fn map(&self) -> Result<&'a Map<String, Value>, BootstrapError> {
        self.value
            .as_object()
            .ok_or_else(|| self.expected("an object"))
    }

    /// The entries of an object whose keys are names.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, Field<'a>)>, BootstrapError> {
        let entry = |(key, value): (&'a String, &'a Value)| {
            let field = Field {
                value,
                path: format!("{}[{key:?}]", self.path),
                notes: self.notes,
            };
            (key.as_str(), field)
        };
        Ok(self.map()?.iter().map(entry).collect())
    }

    pub(super) fn items(&self) -> Result<Vec<Field<'a>>, BootstrapError> {
        let items = self
            .value
            .as_array()
            .ok_or_else(|| self.expected("an array"))?;
        let item = |(i, value): (usize, &'a Value)| Field {
            value,
            path: format!("{}[{i}]", self.path),
            notes: self.notes,
        };
        Ok(items.iter().enumerate().map(item).collect())
    }
}

impl<'a> Object<'a> {
    /// The field, unless it is absent or null.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.taken.push(name);
        let value = self.fields.get(name).filter(|v| !v.is_null())?;
        Some(Field {
            value,
            path: self.join(name),
            notes: self.notes,
        })
    }

    pub(super) fn required(&mut self, name: &'static str) -> Result<Field<'a>, BootstrapError> {
        self.take(name).ok_or_else(|| BootstrapError::Field {
            field: self.join(name),
            message: "is required".to_owned(),
        })
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, BootstrapError> {
        self.take(name).map(|f| f.text()).transpose()
    }

    fn join(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        for (name, value) in self.fields {
            if !self.taken.contains(&name.as_str()) && !value.is_null() {
                self.notes.ignored(self.join(name), "is not known");
            }
        }
    }
}
