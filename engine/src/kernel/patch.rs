//! What a change says of one field: nothing, that it is taken out, or what it is from here on.

/// What is said of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Nothing: it stays as it is.
    #[default]
    Keep,
    /// It is taken out: what holds then is what holds where nobody ever said anything.
    Clear,
    /// It is this.
    Set(T),
}

impl<T> From<Option<T>> for Patch<T> {
    /// A field that may be left out, and that cannot be taken out, such as a cell of a file.
    fn from(said: Option<T>) -> Self {
        said.map_or(Self::Keep, Self::Set)
    }
}

impl<T> Patch<T> {
    /// A field that may be left out (`None`), or be null (`Some(None)`).
    #[allow(clippy::option_option, reason = "that is how JSON tells the three apart")]
    pub fn said(said: Option<Option<T>>) -> Self {
        match said {
            None => Self::Keep,
            Some(None) => Self::Clear,
            Some(Some(value)) => Self::Set(value),
        }
    }

    /// What is said, where that is a value.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// Whether nothing is said.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The value translated, if there is one.
    ///
    /// # Errors
    /// What the translation says.
    pub fn try_map<U, E>(self, translate: impl FnOnce(T) -> Result<U, E>) -> Result<Patch<U>, E> {
        Ok(match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(translate(value)?),
        })
    }
}

impl<T: Clone> Patch<T> {
    /// Applies it to a field that may be empty.
    pub fn apply(&self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value.clone()),
        }
    }

    /// Applies it to a field that has a value in any case: `empty` where it is taken out.
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
