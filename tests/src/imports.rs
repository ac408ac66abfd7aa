//! Reads from the sources which file of a crate names which other; a test checks that there is no cycle.
//!
//! Every path is followed to the file that defines what it names: `use` and plain paths from `crate`, `super`, `self` and
//! child modules, through re-exports. Unit tests (`#[cfg(test)] mod …`) may name anything and are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module path below the crate, such as `["rules", "book"]`; empty for the root.
type Module = Vec<String>;

/// A part of a path that a macro fills in.
const ANY: &str = "$";

/// The contents of one file.
#[derive(Debug, Default)]
struct Source {
    file: PathBuf,
    /// Child modules that it declares in their own files.
    children: BTreeSet<String>,
    /// Paths that it names, absolute.
    paths: Vec<Module>,
    /// Names that it re-exports: the name here, and the absolute path of the item.
    exports: BTreeMap<String, Module>,
    /// Names that it re-exports from other crates: they lead to no file of this one.
    foreign: BTreeSet<String>,
    /// Modules whose names it all re-exports.
    globs: Vec<Module>,
}

/// The files of one crate, and the names that they use from each other.
#[derive(Debug, Default)]
pub struct Imports {
    sources: BTreeMap<Module, Source>,
}

/// A file and a file that it uses, by their names below the crate's source folder, and the names that it uses.
pub type Arrow = (String, String, BTreeSet<String>);

impl Imports {
    /// Reads the crate whose root is `root` (`…/src/lib.rs`).
    ///
    /// # Panics
    /// A declared file does not exist.
    pub fn read(root: &Path) -> Self {
        let mut all = Self::default();
        let folder = root.parent().unwrap_or(root);
        all.read_module(Vec::new(), root, folder);
        all
    }

    /// The same from texts: pairs of a module path such as `rules::book` and its source; the root is the empty path.
    pub fn of_texts(texts: &[(&str, &str)]) -> Self {
        let mut all = Self::default();
        for (module, text) in texts {
            let module: Module = module.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            let file = PathBuf::from(format!("{}.rs", if module.is_empty() { "lib".into() } else { module.join("/") }));
            let source = read_source(&module, file, text);
            all.sources.insert(module, source);
        }
        all
    }

    fn read_module(&mut self, module: Module, file: &Path, folder: &Path) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let source = read_source(&module, file.to_owned(), &text);
        for child in source.children.clone() {
            let (flat, nested) = (folder.join(format!("{child}.rs")), folder.join(&child).join("mod.rs"));
            let below = module.iter().cloned().chain([child.clone()]).collect();
            self.read_module(below, if flat.exists() { &flat } else { &nested }, &folder.join(&child));
        }
        self.sources.insert(module, source);
    }

    /// The module that an absolute path leads to, and the name that it uses from there.
    fn resolve(&self, path: &[String], depth: usize) -> Option<(Module, String)> {
        let deepest = (0..=path.len()).rev().find(|length| self.sources.contains_key(&path[..*length]))?;
        let (module, rest) = (path[..deepest].to_vec(), &path[deepest..]);
        let Some(name) = rest.first() else { return Some((module, "mod".to_owned())) };
        let source = self.sources.get(&module).filter(|source| !source.foreign.contains(name))?;
        let follow = |to: &Module, more: &[String]| {
            let path: Module = to.iter().chain(more).cloned().collect();
            (depth < 8).then(|| self.resolve(&path, depth + 1)).flatten()
        };
        if let Some(origin) = source.exports.get(name) {
            return follow(origin, &rest[1..]).or(Some((module, name.clone())));
        }
        for glob in &source.globs {
            let defines = |module: &Module| {
                self.sources.get(module).is_some_and(|source| source.exports.contains_key(name) || source.defines(name))
            };
            if let Some((found, _)) = follow(glob, &[]).filter(|(found, _)| defines(found)) {
                return follow(&found, rest).or(Some((found, name.clone())));
            }
        }
        Some((module, name.clone()))
    }

    /// A path; one that a macro fills in (`crate::$module::fold::fold`) is resolved for each module that has the
    /// target.
    fn filled_in(&self, path: &Module) -> Vec<Module> {
        let [first, rest @ ..] = path.as_slice() else { return vec![path.clone()] };
        if first != ANY {
            return vec![path.clone()];
        }
        let has = |module: &Module, source: &Source| {
            let [_] = module.as_slice() else { return false };
            rest.first().is_some_and(|name| source.children.contains(name) || source.exports.contains_key(name))
        };
        let modules = self.sources.iter().filter(|(module, source)| has(module, source));
        modules.map(|(module, _)| module.iter().chain(rest).cloned().collect()).collect()
    }

    /// The names that each file uses from others.
    pub fn arrows(&self) -> Vec<Arrow> {
        let mut arrows: BTreeMap<(&Path, &Path), BTreeSet<String>> = BTreeMap::new();
        for (module, source) in &self.sources {
            for path in source.paths.iter().flat_map(|path| self.filled_in(path)) {
                let Some((to, name)) = self.resolve(&path, 0) else { continue };
                if to != *module {
                    let target = self.sources.get(&to).map_or(Path::new(""), |source| source.file.as_path());
                    arrows.entry((&source.file, target)).or_default().insert(name);
                }
            }
        }
        let short = |path: &Path| {
            let text = path.to_string_lossy().replace('\\', "/");
            text.rsplit_once("/src/").map_or(text.clone(), |(_, below)| below.to_owned())
        };
        arrows.into_iter().map(|((from, to), names)| (short(from), short(to), names)).collect()
    }

    /// Names that a file takes through a file which only hands them on from another folder of the crate: the file, and the
    /// path as it is written.
    pub fn detours(&self) -> Vec<(String, String)> {
        let mut detours = BTreeSet::new();
        for source in self.sources.values() {
            for path in &source.paths {
                let deepest = (1..path.len()).rev().find(|length| self.sources.contains_key(&path[..*length]));
                let Some((module, [name, ..])) = deepest.map(|length| path.split_at(length)) else { continue };
                let origin = self.sources.get(module).and_then(|hub| hub.exports.get(name));
                if origin.is_some_and(|origin| origin.first() != module.first()) {
                    detours.insert((source.file.to_string_lossy().into_owned(), path.join("::")));
                }
            }
        }
        detours.into_iter().collect()
    }

    /// Cycles of files, each with the uses inside it.
    pub fn circles(&self) -> Vec<Vec<Arrow>> {
        let arrows = self.arrows();
        let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (from, to, _) in &arrows {
            next.entry(from).or_default().push(to);
        }
        let reach = |start: &str| {
            let (mut seen, mut left) = (BTreeSet::new(), vec![start]);
            while let Some(file) = left.pop() {
                for to in next.get(file).into_iter().flatten() {
                    if seen.insert((*to).to_owned()) {
                        left.push(to);
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&str, BTreeSet<String>> = next.keys().map(|file| (*file, reach(file))).collect();
        let (mut circles, mut told) = (Vec::new(), BTreeSet::new());
        for (file, reaches) in reached.iter().filter(|(file, reaches)| reaches.contains(**file)) {
            if told.contains(*file) {
                continue;
            }
            let back = |other: &String| reached.get(other.as_str()).is_some_and(|reaches| reaches.contains(*file));
            let circle: BTreeSet<String> = reaches.iter().filter(|other| back(other)).cloned().collect();
            let inside = |arrow: &&Arrow| circle.contains(&arrow.0) && circle.contains(&arrow.1);
            circles.push(arrows.iter().filter(inside).cloned().collect());
            told.extend(circle);
        }
        circles
    }
}

impl Source {
    /// Whether it has an item of that name, as far as its own paths show: everything that no export covers.
    fn defines(&self, name: &str) -> bool {
        !self.children.contains(name)
    }
}

/// Reads one file.
fn read_source(module: &Module, file: PathBuf, text: &str) -> Source {
    let tokens = without_tests(tokens(text));
    let mut source = Source { file, ..Source::default() };
    let at = |nth: usize| tokens.get(nth).map_or("", String::as_str);
    for nth in 0..tokens.len() {
        if at(nth) == "mod" && at(nth + 2) == ";" {
            source.children.insert(at(nth + 1).to_owned());
        }
    }
    // The current position: the module of the file, and its inline modules, with the braces that they began in.
    let (mut here, mut held, mut depth) = (module.clone(), Vec::new(), 0_usize);
    let mut nth = 0;
    while nth < tokens.len() {
        if at(nth) == "mod" && at(nth + 2) == "{" {
            here.push(at(nth + 1).to_owned());
            held.push(depth);
            nth += 2;
        } else if at(nth) == "{" {
            depth += 1;
            nth += 1;
        } else if at(nth) == "}" {
            depth = depth.saturating_sub(1);
            if held.last() == Some(&depth) {
                held.pop();
                here.pop();
            }
            nth += 1;
        } else if at(nth) == "use" {
            let is_public = at(nth.wrapping_sub(1)) == "pub" || (at(nth.wrapping_sub(1)) == ")" && nth >= 4);
            let mut found = Vec::new();
            nth = read_tree(&tokens, nth + 1, &Vec::new(), &mut found);
            for (path, name) in found {
                let Some(path) = absolute(&here, &source.children, &path) else {
                    if is_public {
                        source.foreign.insert(name);
                    }
                    continue;
                };
                if is_public && name == "*" {
                    source.globs.push(path.clone());
                } else if is_public {
                    source.exports.insert(name, path.clone());
                }
                source.paths.push(path);
            }
        } else if at(nth + 1) == "::" && at(nth.wrapping_sub(1)) == "in" && at(nth.wrapping_sub(2)) == "(" {
            // Its visibility, not its names.
            nth += 2;
        } else if at(nth + 1) == "::" && at(nth.wrapping_sub(1)) != "::" {
            let mut path = vec![at(nth).to_owned()];
            if at(nth + 2) == "$" {
                path.push(ANY.to_owned());
                nth += 3;
            }
            while at(nth + 1) == "::" && is_name(at(nth + 2)) {
                path.push(at(nth + 2).to_owned());
                nth += 2;
            }
            source.paths.extend(absolute(&here, &source.children, &path));
            nth += 1;
        } else {
            nth += 1;
        }
    }
    source
}

/// Reads a tree of `use`: every path with its name here. Returns the rest.
fn read_tree(tokens: &[String], mut nth: usize, before: &[String], found: &mut Vec<(Module, String)>) -> usize {
    let at = |nth: usize| tokens.get(nth).map_or("", String::as_str);
    let mut path = before.to_vec();
    loop {
        match at(nth) {
            "{" => {
                nth += 1;
                while !matches!(at(nth), "}" | "") {
                    nth = read_tree(tokens, nth, &path, found);
                    nth += usize::from(at(nth) == ",");
                }
                return nth + 1;
            }
            "*" => {
                found.push((path, "*".to_owned()));
                return nth + 1;
            }
            "::" => nth += 1,
            "as" => {
                let name = at(nth + 1).to_owned();
                found.push((path, name));
                return nth + 2;
            }
            name if is_name(name) => {
                // `self` in braces is the path before them.
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                nth += 1;
            }
            _ => {
                let name = path.last().cloned().unwrap_or_default();
                found.push((path, name));
                return nth;
            }
        }
        if matches!(at(nth), "," | "}" | ";" | "") {
            let name = path.last().cloned().unwrap_or_default();
            found.push((path, name));
            return nth;
        }
    }
}

/// A path from the crate's root; `None` if it leads out of the crate.
fn absolute(module: &Module, children: &BTreeSet<String>, path: &[String]) -> Option<Module> {
    let first = path.first()?;
    let (mut at, mut rest) = match first.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.clone(), &path[1..]),
        "super" => (module.clone(), path),
        child if children.contains(child) => (module.clone(), path),
        _ => return None,
    };
    while let [up, below @ ..] = rest
        && up == "super"
    {
        at.pop();
        rest = below;
    }
    at.extend(rest.iter().cloned());
    Some(at)
}

fn is_name(token: &str) -> bool {
    token.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
}

/// The names and symbols of a source, without comments, texts and characters.
fn tokens(text: &str) -> Vec<String> {
    let (chars, mut tokens, mut at) = (text.chars().collect::<Vec<char>>(), Vec::new(), 0);
    let get = |at: usize| chars.get(at).copied().unwrap_or('\0');
    while at < chars.len() {
        let here = get(at);
        if here == '/' && get(at + 1) == '/' {
            while at < chars.len() && get(at) != '\n' {
                at += 1;
            }
        } else if here == '/' && get(at + 1) == '*' {
            at += 2;
            while at < chars.len() && !(get(at) == '*' && get(at + 1) == '/') {
                at += 1;
            }
            at += 2;
        } else if here == 'r' && (get(at + 1) == '"' || (get(at + 1) == '#' && matches!(get(at + 2), '"' | '#'))) {
            let hashes = (at + 1..).take_while(|at| get(*at) == '#').count();
            at += hashes + 2;
            let ends = |at: usize| get(at) == '"' && (1..=hashes).all(|nth| get(at + nth) == '#');
            while at < chars.len() && !ends(at) {
                at += 1;
            }
            at += hashes + 1;
        } else if here == '"' {
            at += 1;
            while at < chars.len() && get(at) != '"' {
                at += 1 + usize::from(get(at) == '\\');
            }
            at += 1;
        } else if here == '\'' && (get(at + 1) == '\\' || get(at + 2) == '\'') {
            at += 2 + usize::from(get(at + 1) == '\\');
            while at < chars.len() && get(at) != '\'' {
                at += 1;
            }
            at += 1;
        } else if here.is_alphanumeric() || here == '_' {
            let start = at;
            while get(at).is_alphanumeric() || get(at) == '_' {
                at += 1;
            }
            tokens.push(chars[start..at].iter().collect());
        } else if here == ':' && get(at + 1) == ':' {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !here.is_whitespace() {
                tokens.push(here.to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// The same without what stands under `#[cfg(test)]`, alone or among other conditions, or under `#[cfg(loom)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let (mut kept, mut at) = (Vec::new(), 0);
    let token = |at: usize| tokens.get(at).map_or("", String::as_str);
    while at < tokens.len() {
        let is_condition = token(at) == "#" && token(at + 1) == "[" && token(at + 2) == "cfg";
        let ends = (at..tokens.len()).find(|at| token(*at) == "]").unwrap_or(tokens.len());
        let condition = &tokens[at..ends];
        let is_test =
            condition.iter().any(|word| word == "test") || condition.get(4).is_some_and(|word| word == "loom");
        if !is_condition || !is_test {
            kept.push(token(at).to_owned());
            at += 1;
            continue;
        }
        at = ends + 1;
        let mut depth = 0;
        while at < tokens.len() {
            match token(at) {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
            at += 1;
        }
        at += 1;
    }
    kept
}
