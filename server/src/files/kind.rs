//! What a subject says of a kind of file: its columns, how its rows are read, and how it is written.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::command::Rows;
use anaquel_engine::event::ImportKind;

use crate::files::cells::{Cells, Numbers, Wrong};
use crate::files::export::Texts;

/// What a column holds, which says how much of a cell counts and what may stand for it in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// White space at the ends of a text that stands between quotes is part of it.
    Text,
    /// An id, a word or a time.
    Word,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Texts.
    List,
}

/// A column of a kind of file.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in the header.
    pub name: &'static str,
    /// What it holds.
    pub form: Form,
}

/// A column of ids, words or times.
pub const fn word(name: &'static str) -> Column {
    Column { name, form: Form::Word }
}

/// A column of texts.
pub const fn text(name: &'static str) -> Column {
    Column { name, form: Form::Text }
}

/// A column of numbers.
pub const fn number(name: &'static str) -> Column {
    Column { name, form: Form::Number }
}

/// A column of true and false.
pub const fn flag(name: &'static str) -> Column {
    Column { name, form: Form::Flag }
}

/// A column of lists.
pub const fn list(name: &'static str) -> Column {
    Column { name, form: Form::List }
}

/// A row of a file, as it is read.
pub struct FileRow<'a> {
    /// The line where it begins.
    pub line: u64,
    /// Its cells.
    pub cells: Cells,
    /// How numbers are read.
    pub numbers: Numbers,
    /// The engine, for names that it knows.
    pub engine: &'a Engine,
}

/// A kind of file. Its subject declares it in `import.rs`.
#[derive(Debug)]
pub struct FileKind {
    /// What the log calls it.
    pub kind: ImportKind,
    /// Its columns; the first `required` must be there.
    pub columns: &'static [Column],
    /// How many of them, from the first on, must be there.
    pub required: usize,
    /// Columns of which one must be there.
    pub either: &'static [&'static str],
    /// Whether `attr.<name>` columns are taken, too.
    pub attributes: bool,
    /// Whether `create=true` makes it create SKUs and locations that it names.
    pub creates: bool,
    /// No rows yet.
    pub empty: fn(create: bool) -> Rows,
    /// Reads a row into rows that [`FileKind::empty`] began.
    pub read: fn(&mut Rows, FileRow<'_>) -> Result<(), Wrong>,
    /// Writes everything of it as CSV, and tells how many rows.
    pub export: fn(&Engine, Texts, &mut dyn Write) -> io::Result<u64>,
}

impl FileKind {
    /// What a column holds.
    pub fn form(&self, column: &str) -> Form {
        match self.columns.iter().find(|known| known.name == column) {
            Some(column) => column.form,
            None if column.starts_with("attr.") => Form::Text,
            None => Form::Word,
        }
    }

    /// The names of its columns, as a list for people.
    pub fn known(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        format!("{}{}", names.join(", "), if self.attributes { ", attr.<name>" } else { "" })
    }

    /// The header of an export.
    pub fn header(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        names.join(",")
    }
}
