//! The change of one field: unchanged, removed, or a new value.

/// The change of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The field stays unchanged.
    #[default]
    Keep,
    /// The value is removed: the default applies.
    Clear,
    /// The new value.
    Set(T),
}

impl<T> From<Option<T>> for Patch<T> {
    /// A field that may be left out but not removed, such as a cell of a file.
    fn from(said: Option<T>) -> Self {
        said.map_or(Self::Keep, Self::Set)
    }
}

impl<T> Patch<T> {
    /// A field that may be left out (`None`), or null (`Some(None)`).
    #[allow(clippy::option_option, reason = "JSON distinguishes the three cases in this way")]
    pub fn said(said: Option<Option<T>>) -> Self {
        match said {
            None => Self::Keep,
            Some(None) => Self::Clear,
            Some(Some(value)) => Self::Set(value),
        }
    }

    /// The new value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// Whether the field is unchanged.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Converts the new value, if there is one.
    ///
    /// # Errors
    /// An error of the conversion.
    pub fn try_map<U, E>(self, translate: impl FnOnce(T) -> Result<U, E>) -> Result<Patch<U>, E> {
        Ok(match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(translate(value)?),
        })
    }
}

impl<T: Clone> Patch<T> {
    /// Applies the change to an optional field.
    pub fn apply(&self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value.clone()),
        }
    }

    /// Applies the change to a field that always has a value: `empty` replaces a removed one.
    pub fn apply_or(&self, field: &mut T, empty: T) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = empty,
            Self::Set(value) => field.clone_from(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_out_keeps_and_null_takes_out() {
        let after = |said: Option<Option<u8>>| {
            let mut field = Some(7);
            Patch::said(said).apply(&mut field);
            field
        };
        assert_eq!((after(None), after(Some(None)), after(Some(Some(9)))), (Some(7), None, Some(9)));
        let mut flag = false;
        Patch::Clear.apply_or(&mut flag, true);
        assert!(flag);
        assert_eq!(Patch::from(None::<u8>), Patch::Keep);
    }
}
