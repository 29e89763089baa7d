//! The arrows point one way: stages do not name each other, and proofs are made only where they are due.

use std::fs;
use std::path::{Path, PathBuf};

const SHARED: [&str; 4] = ["cftime", "codec", "model", "storage"];
const STAGES: [&str; 16] = [
    "convert",
    "recipe",
    "scan",
    "plan",
    "index",
    "read",
    "combine",
    "write",
    "verify",
    "describe",
    "quicklook",
    "validate",
    "publish",
    "serve",
    "suggest",
    "watch",
];

/// Beyond the shared ground, what a module may name. `pipeline` and `cli` may name everything.
fn allowed(module: &str) -> &'static [&'static str] {
    match module {
        // Verification reads products and sources back; a writer that copies values reads them, and names chunks as readers do.
        "verify" | "write" => &["read"],
        _ => &[],
    }
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn module_of(file: &Path) -> String {
    let relative = file.strip_prefix(source()).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of this crate that a file names: `crate::NAME`, alone or in `use crate::{…}`.
fn named_modules(text: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{') {
            None => named.push(word(rest)),
            Some(list) => {
                let mut depth = 0i32;
                let mut start = true;
                for (position, character) in list.char_indices() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        _ if start && !character.is_whitespace() => {
                            named.push(word(&list[position..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    named
}

/// A file's text without its tests: these may build what they need from other stages, and proofs of what never was.
fn shipped_text(file: &Path) -> String {
    let below = file.strip_prefix(source()).unwrap();
    if below.ends_with("tests.rs") || below.components().any(|part| part.as_os_str() == "tests") {
        return String::new();
    }
    fs::read_to_string(file).unwrap().split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()
}

#[test]
fn a_stage_never_names_another() {
    let mut wrong = Vec::new();
    for file in source_files(&source()) {
        let module = module_of(&file);
        if ["pipeline", "cli", "main", "lib"].contains(&module.as_str()) {
            continue;
        }
        for named in named_modules(&shipped_text(&file)) {
            let known = SHARED.contains(&named.as_str())
                || named == module
                || allowed(&module).contains(&named.as_str())
                || !(STAGES.contains(&named.as_str()) || ["ledger", "pipeline", "cli"].contains(&named.as_str()));
            let shared_below = SHARED.contains(&module.as_str()) && STAGES.contains(&named.as_str());
            if !known || shared_below {
                wrong.push(format!("{} names {named}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point the wrong way:\n{}", wrong.join("\n"));
}

#[test]
fn the_model_names_no_other_module() {
    for file in source_files(&source().join("model")) {
        let named = named_modules(&fs::read_to_string(&file).unwrap());
        assert!(named.iter().all(|name| name == "model"), "{} names {named:?}", file.display());
    }
}

#[test]
fn proofs_are_made_only_by_their_stage() {
    for (proof, stage) in [("VerifiedProduct::prove", "verify"), ("ValidatedRecord::prove", "validate")] {
        let makers: Vec<String> = source_files(&source())
            .into_iter()
            .filter(|file| shipped_text(file).contains(&format!("{proof}(")))
            .map(|file| module_of(&file))
            .collect();
        assert!(!makers.is_empty(), "nobody makes a {proof}");
        assert!(makers.iter().all(|module| module == stage), "{proof} is called in {makers:?}");
    }
}

#[test]
fn every_stage_says_what_goes_in_and_out() {
    for stage in STAGES {
        let text = fs::read_to_string(source().join(stage).join("mod.rs")).unwrap();
        assert!(text.contains("//! In:") && text.contains("//! Out:"), "src/{stage}/mod.rs lacks In: or Out:");
    }
}

#[test]
fn the_parser_of_paths_sees_lists() {
    let text = "use crate::{model::{A, B}, read::x};\nuse crate::cftime::Calendar; fn f() { crate::codec::g() }";
    assert_eq!(named_modules(text), ["model", "read", "cftime", "codec"]);
}
