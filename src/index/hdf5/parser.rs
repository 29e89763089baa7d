//! The parser of a file's structure: a queue of objects, each taken as far as the bytes at hand allow.
//!
//! The parser does no I/O. Objects are found breadth first; what they lack is asked for together, so that one round of
//! reading serves a whole level of headers, trees and heaps. What an object has learnt is kept: a later round goes on
//! from there.

use std::collections::HashMap;
use std::sync::Arc;

use super::attributes::{Attribute, AttributeWalk};
use super::chunks::ChunkWalk;
use super::dataset::{self, Dataset};
use super::fault::{Fault, Found, Stop};
use super::group;
use super::message::link::{Link, Target};
use super::object_header::{HeaderWalk, Message};
use super::store::View;
use crate::model::Attributes;

/// Groups within groups; deeper nesting is not written by anybody.
const DEEPEST: usize = 64;

/// Datasets of so many dimensions and chunks may be coordinates whose values are asked for before that is known.
const WISHED_RANK: usize = 2;
const WISHED_CHUNKS: usize = 64;

/// An object of the file.
#[derive(Debug)]
pub(super) struct Object {
    /// Attributes of the netCDF-4 and dimension-scale libraries' own book-keeping.
    pub(super) book_keeping: Vec<Attribute>,
    /// All others.
    pub(super) attributes: Arc<Attributes>,
    pub(super) body: Body,
}

/// What an object is.
#[derive(Debug)]
pub(super) enum Body {
    Group(Vec<Link>),
    Dataset(Box<Dataset>),
    /// A type with a name, which concerns only those that use it.
    NamedType,
    /// Something that uses what this reader does not have: what that is, in words.
    Unknown(String),
}

/// All objects of a file that can be reached from its root.
#[derive(Debug)]
pub(super) struct Structure {
    /// The first is the root group.
    pub(super) objects: Vec<Object>,
    /// The place in `objects` of the object at an address.
    pub(super) by_address: HashMap<u64, usize>,
}

#[derive(Debug)]
enum Stage {
    Header(HeaderWalk),
    Messages(Box<Pending>),
    Done(Box<Object>),
}

/// An object whose header is read.
#[derive(Debug)]
struct Pending {
    messages: Vec<Message>,
    attributes: AttributeWalk,
    has_attributes: bool,
    links: Option<Vec<Link>>,
    dataset: Option<Box<Dataset>>,
    walk: Option<Box<ChunkWalk>>,
}

#[derive(Debug)]
struct Job {
    address: u64,
    path: String,
    depth: usize,
    stage: Stage,
    /// Whether its values were asked for, if they ever are.
    wished: bool,
}

/// The parser.
#[derive(Debug, Default)]
pub(super) struct Parser {
    jobs: Vec<Job>,
    by_address: HashMap<u64, usize>,
    active: Vec<usize>,
    at: usize,
}

impl Parser {
    /// A parser that begins with the root group at an address.
    pub(super) fn new(root: u64) -> Self {
        let mut parser = Self::default();
        parser.add(root, "/".into(), 0);
        parser
    }

    /// The path of the object that was looked at last: the one that a fault is about.
    pub(super) fn path(&self) -> &str {
        self.jobs.get(self.at).map_or("/", |job| &job.path)
    }

    fn add(&mut self, address: u64, path: String, depth: usize) {
        if self.by_address.contains_key(&address) {
            return;
        }
        self.by_address.insert(address, self.jobs.len());
        self.active.push(self.jobs.len());
        self.jobs.push(Job { address, path, depth, stage: Stage::Header(HeaderWalk::new(address)), wished: false });
    }

    /// Goes on as far as the bytes at hand allow.
    pub(super) fn run(&mut self, view: &View) -> Found<()> {
        let mut waiting = Vec::new();
        while !self.active.is_empty() {
            for number in std::mem::take(&mut self.active) {
                self.at = number;
                let progress = self.jobs[number].run(view);
                self.jobs[number].wish(view);
                match progress {
                    Ok(children) => {
                        let job = &self.jobs[number];
                        // Every name below is kept with the whole path, and so are notes of links that lead nowhere.
                        view.spend_memory(job.link_count().saturating_mul(job.path.len()))?;
                        if children.is_empty() {
                            continue;
                        }
                        let (path, depth) = (job.path.clone(), job.depth + 1);
                        if depth > DEEPEST {
                            let what = format!("groups nested more than {DEEPEST} deep");
                            return Err(Fault::Limit { what }.into());
                        }
                        for (name, address) in children {
                            self.add(address, [path.trim_end_matches('/'), "/", &name].concat(), depth);
                        }
                    }
                    Err(Stop::Need) => waiting.push(number),
                    Err(fault) => return Err(fault),
                }
            }
        }
        self.active = waiting;
        if self.active.is_empty() { Ok(()) } else { Err(Stop::Need) }
    }

    /// What was found, once the parser has come to its end.
    pub(super) fn into_structure(self) -> Structure {
        let objects = self.jobs.into_iter().filter_map(|job| match job.stage {
            Stage::Done(object) => Some(*object),
            _ => None,
        });
        Structure { objects: objects.collect(), by_address: self.by_address }
    }
}

impl Job {
    fn link_count(&self) -> usize {
        match &self.stage {
            Stage::Done(object) => match &object.body {
                Body::Group(links) => links.len(),
                _ => 0,
            },
            _ => 0,
        }
    }

    /// Goes on; at the end, names and addresses of the objects below. An object that is beyond this reader does not
    /// take the others with it, unless it is the root.
    fn run(&mut self, view: &View) -> Found<Vec<(String, u64)>> {
        match self.advance(view) {
            Err(Stop::Fault(fault)) if self.depth > 0 => match *fault {
                Fault::Unsupported { feature, .. } => {
                    let object =
                        Object { book_keeping: Vec::new(), attributes: Arc::default(), body: Body::Unknown(feature) };
                    self.stage = Stage::Done(Box::new(object));
                    Ok(Vec::new())
                }
                fault => Err(fault.into()),
            },
            found => found,
        }
    }

    fn advance(&mut self, view: &View) -> Found<Vec<(String, u64)>> {
        if let Stage::Header(walk) = &mut self.stage {
            walk.run(view)?;
            self.stage = Stage::Messages(Box::new(Pending::new(walk.take_messages())));
        }
        let Stage::Messages(pending) = &mut self.stage else { return Ok(Vec::new()) };
        pending.run(view, self.address)?;
        let body = match (pending.dataset.take(), pending.links.take()) {
            (Some(dataset), _) => Body::Dataset(dataset),
            (None, Some(links)) => Body::Group(links),
            (None, None) => Body::NamedType,
        };
        let children = match &body {
            Body::Group(links) => links
                .iter()
                .filter_map(|link| match link.target {
                    Target::Hard(address) => Some((link.name.clone(), address)),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let (book_keeping, attributes) = std::mem::take(&mut pending.attributes).into_attributes();
        self.stage = Stage::Done(Box::new(Object { book_keeping, attributes: attributes.into(), body }));
        Ok(children)
    }
}

impl Job {
    /// Asks for the values of a small dataset as soon as it is known where they are: most are coordinates, and if others
    /// have to wait for bytes, no second wave is spent on them.
    fn wish(&mut self, view: &View) {
        let dataset = match &self.stage {
            Stage::Messages(pending) if pending.walk.is_none() => pending.dataset.as_deref(),
            Stage::Done(object) => match &object.body {
                Body::Dataset(dataset) => Some(&**dataset),
                _ => None,
            },
            _ => None,
        };
        let Some(dataset) = dataset.filter(|_| !self.wished) else { return };
        if dataset.grid.shape.len() <= WISHED_RANK && dataset.manifest.len() <= WISHED_CHUNKS {
            view.wish(&dataset.manifest);
        }
        self.wished = true;
    }
}

impl Pending {
    fn new(messages: Vec<Message>) -> Self {
        let attributes = AttributeWalk::default();
        Self { messages, attributes, has_attributes: false, links: None, dataset: None, walk: None }
    }

    fn run(&mut self, view: &View, address: u64) -> Found<()> {
        // Each part writes down what it needs before one of them makes us wait.
        let parts = [self.read_attributes(view), self.read_links(view), self.read_dataset(view, address)];
        match parts.into_iter().find(|part| matches!(part, Err(Stop::Fault(_)))) {
            Some(fault) => fault,
            None if self.is_complete() => Ok(()),
            None => Err(Stop::Need),
        }
    }

    fn is_complete(&self) -> bool {
        self.has_attributes
            && self.walk.is_none()
            && (self.links.is_some() || !group::is_group(&self.messages))
            && (self.dataset.is_some() || !dataset::is_dataset(&self.messages))
    }

    fn read_attributes(&mut self, view: &View) -> Found<()> {
        if !self.has_attributes {
            self.attributes.run(view, &self.messages)?;
            self.has_attributes = true;
        }
        Ok(())
    }

    fn read_links(&mut self, view: &View) -> Found<()> {
        if self.links.is_none() && group::is_group(&self.messages) {
            self.links = Some(group::links(view, &self.messages)?);
        }
        Ok(())
    }

    fn read_dataset(&mut self, view: &View, address: u64) -> Found<()> {
        if self.dataset.is_none() && dataset::is_dataset(&self.messages) {
            let (dataset, walk) = dataset::read(view, address, &self.messages)?;
            self.dataset = Some(Box::new(dataset));
            self.walk = walk.map(Box::new);
        }
        if let Some(walk) = &mut self.walk {
            walk.run(view)?;
        }
        if let (Some(walk), Some(dataset)) = (self.walk.take(), &mut self.dataset) {
            dataset.manifest = walk.into_manifest().into();
        }
        Ok(())
    }
}
