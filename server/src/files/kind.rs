//! A kind of file, as its subject declares it: columns, how rows are read, how they are written.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::command::Rows;
use anaquel_engine::event::ImportKind;

use crate::files::cells::{Cells, Numbers, Wrong};
use crate::files::export::Texts;

/// The type of a column, which decides how white space counts and which JSON values are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A text; white space inside quotes is part of it.
    Text,
    /// An id, an enumeration or a time.
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

/// A column of ids, enumerations or times.
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

/// A column of booleans.
pub const fn flag(name: &'static str) -> Column {
    Column { name, form: Form::Flag }
}

/// A column of lists.
pub const fn list(name: &'static str) -> Column {
    Column { name, form: Form::List }
}

/// Writes all rows of a kind as CSV, and returns their number.
pub type Export = fn(&Engine, Texts, &mut dyn Write) -> io::Result<u64>;

/// A kind of file that an export writes.
#[derive(Debug, Clone, Copy)]
pub struct ExportKind {
    /// Its name.
    pub name: &'static str,
    /// Writes all rows.
    pub export: Export,
}

/// What the rows of an import may do.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowOptions {
    /// Whether unknown names are created.
    pub create: bool,
    /// Whether rows of sales move stock.
    pub stock: bool,
}

/// A row of a file.
pub struct FileRow<'a> {
    /// The line where the row begins.
    pub line: u64,
    /// Its cells.
    pub cells: Cells,
    /// How numbers are parsed.
    pub numbers: Numbers,
    /// The engine, which resolves names.
    pub engine: &'a Engine,
}

/// A kind of file. Its subject declares it in `import.rs`.
#[derive(Debug)]
pub struct FileKind {
    /// The kind as the log records it.
    pub kind: ImportKind,
    /// Its columns; the first `required` ones are mandatory.
    pub columns: &'static [Column],
    /// The number of mandatory columns.
    pub required: usize,
    /// Columns of which at least one is mandatory.
    pub either: &'static [&'static str],
    /// Whether `attr.<name>` columns are accepted, too.
    pub attributes: bool,
    /// Whether `create=true` creates SKUs and locations that rows name.
    pub creates: bool,
    /// An empty collection of rows.
    pub empty: fn(RowOptions) -> Rows,
    /// Reads a row into a collection that [`FileKind::empty`] created.
    pub read: fn(&mut Rows, FileRow<'_>) -> Result<(), Wrong>,
    /// Writes all rows as CSV, and returns their number.
    pub export: Export,
}

impl FileKind {
    /// The type of a column.
    pub fn form(&self, column: &str) -> Form {
        match self.columns.iter().find(|known| known.name == column) {
            Some(column) => column.form,
            None if column.starts_with("attr.") => Form::Text,
            None => Form::Word,
        }
    }

    /// The names of its columns, as a list for messages.
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
