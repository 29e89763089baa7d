//! A cube as the CF conventions read it: data variables, coordinates, bounds (CF 1.11, chapters 2 to 7).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::axis::{Axis, axis};
use super::features::FeatureType;
use super::numbers::{packing, unpacked};
use super::parameters;
use super::purpose::Purpose;
use super::temporal::TimeAxis;
use crate::model::{Attributes, DataType, Digest, Group, Variable, VariablePath, VirtualCube, attribute};

/// A variable with its place and purpose.
pub(super) struct Member<'a> {
    pub(super) path: VariablePath,
    pub(super) group: &'a str,
    pub(super) variable: &'a Variable,
    pub(super) purpose: Purpose,
}

impl Member<'_> {
    /// The dimension's name with its group, as `cube:dimensions` names it.
    pub(super) fn qualified(&self, dimension: &str, dataset: &Dataset<'_>) -> String {
        dataset.dimension_key(self.group, dimension)
    }
}

/// The numbers of a coordinate: unpacked, missing ones as NaN; or what is known of them.
pub(super) enum Coordinate<'a> {
    Whole(Vec<f64>),
    Digest(&'a Digest),
}

/// Attributes that name variables which are neither data nor coordinates: of cells, and of meshes (UGRID 1.0).
const OTHERS: [&str; 10] = [
    "cell_measures",
    "ancillary_variables",
    "formula_terms",
    "mesh",
    "face_node_connectivity",
    "edge_node_connectivity",
    "face_edge_connectivity",
    "face_face_connectivity",
    "edge_face_connectivity",
    "boundary_node_connectivity",
];

/// A cube as CF reads it.
pub(super) struct Dataset<'a> {
    pub(super) members: Vec<Member<'a>>,
    by_path: HashMap<String, usize>,
    dimension_groups: HashSet<(&'a str, &'a str)>,
    digests: &'a BTreeMap<VariablePath, Digest>,
    /// The time coordinates that were read.
    pub(super) times: RefCell<HashMap<VariablePath, Rc<TimeAxis>>>,
    /// The global attributes.
    pub(super) attributes: &'a Attributes,
    /// What its features are, if it is of discrete sampling geometries (CF 9).
    pub(super) feature_type: Option<FeatureType>,
}

/// The names that an attribute lists, without the keys of `key: name` pairs.
pub(super) fn names(variable: &Variable, attribute: &str) -> impl Iterator<Item = String> {
    let text = variable.text(attribute).unwrap_or_default().to_owned();
    text.split_whitespace().filter(|word| !word.ends_with(':')).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// The grid mappings that a variable names: `crs`, or `crs: x y other: lat lon` (CF 5.6).
fn mapping_names(variable: &Variable) -> impl Iterator<Item = String> {
    let text = variable.text("grid_mapping").unwrap_or_default();
    let is_long = text.contains(':');
    let words = text.split_whitespace().filter(|word| !is_long || word.ends_with(':'));
    words.map(|word| word.trim_end_matches(':').to_owned()).collect::<Vec<_>>().into_iter()
}

impl<'a> Dataset<'a> {
    /// Reads a cube; the digests are those of coordinates that it does not hold itself.
    pub(super) fn new(cube: &'a VirtualCube, digests: &'a BTreeMap<VariablePath, Digest>) -> Self {
        let mut dataset = Self {
            members: Vec::new(),
            by_path: HashMap::new(),
            dimension_groups: HashSet::new(),
            digests,
            times: RefCell::default(),
            attributes: &cube.root.attributes,
            feature_type: attribute::text(&cube.root.attributes, "featureType").and_then(FeatureType::parse),
        };
        let mut groups = std::collections::VecDeque::from([&cube.root]);
        while let Some(group) = groups.pop_front() {
            dataset.take(group);
            groups.extend(group.groups.values());
        }
        dataset.assign();
        dataset
    }

    fn take(&mut self, group: &'a Group) {
        self.dimension_groups.extend(group.dimensions.keys().map(|name| (&*group.path, name.as_str())));
        for variable in group.variables.values() {
            let path = VariablePath::new(&group.path, &variable.name);
            self.by_path.insert(path.as_str().to_owned(), self.members.len());
            self.members.push(Member { path, group: &group.path, variable, purpose: Purpose::Data });
        }
    }

    fn assign(&mut self) {
        let mut referenced = HashMap::new();
        for member in &self.members {
            for (attributes, purpose) in [
                (OTHERS.as_slice(), Purpose::Other),
                (
                    &["coordinates", "node_coordinates", "edge_coordinates", "face_coordinates"],
                    Purpose::AuxiliaryCoordinate,
                ),
                (&["bounds", "climatology"], Purpose::Bounds),
            ] {
                for name in attributes.iter().flat_map(|attribute| names(member.variable, attribute)) {
                    if let Some(index) = self.resolve(member.group, &name) {
                        let entry = referenced.entry(index).or_insert(purpose);
                        if purpose == Purpose::Bounds || *entry == Purpose::Other {
                            *entry = purpose;
                        }
                    }
                }
            }
        }
        for member in &self.members {
            for index in mapping_names(member.variable).filter_map(|name| self.resolve(member.group, &name)) {
                referenced.entry(index).or_insert(Purpose::Other);
            }
        }
        for (index, member) in self.members.iter_mut().enumerate() {
            member.purpose = purpose_of(member.variable, referenced.get(&index).copied());
        }
        self.find_bounds_of_formula_terms();
    }

    /// Terms of the formula of bounds have the bounds' own dimension (CF 7.1): they are bounds too.
    fn find_bounds_of_formula_terms(&mut self) {
        let last = |member: &Member<'a>| member.variable.dimensions.last().cloned();
        let edges: HashSet<_> = self.of(Purpose::Bounds).filter_map(last).collect();
        for member in self.members.iter_mut().filter(|member| member.purpose == Purpose::Other) {
            if last(member).is_some_and(|dimension| edges.contains(&dimension)) {
                member.purpose = Purpose::Bounds;
            }
        }
    }

    /// The variable that a name in an attribute means: in the same group, else further up (CF 2.7).
    fn resolve(&self, group: &str, name: &str) -> Option<usize> {
        if name.starts_with('/') {
            return self.by_path.get(name).copied();
        }
        let mut group = group.trim_end_matches('/');
        loop {
            if let Some(index) = self.by_path.get(&format!("{group}/{name}")) {
                return Some(*index);
            }
            group = &group[..group.rfind('/')?];
        }
    }

    /// The members of one purpose.
    pub(super) fn of(&self, purpose: Purpose) -> impl Iterator<Item = &Member<'a>> {
        self.members.iter().filter(move |member| member.purpose == purpose)
    }

    /// The coordinate variable of a dimension as a variable of this group sees it.
    pub(super) fn dimension_coordinate(&self, group: &str, dimension: &str) -> Option<&Member<'a>> {
        let member = self.members.get(self.resolve(group, dimension)?)?;
        (member.purpose == Purpose::DimensionCoordinate).then_some(member)
    }

    /// A dimension's name, with the path of the group that defines it unless that is the root.
    pub(super) fn dimension_key(&self, group: &str, dimension: &str) -> String {
        let mut at = group.trim_end_matches('/');
        while !at.is_empty() {
            if self.dimension_groups.contains(&(at, dimension)) {
                return format!("{}/{dimension}", at.trim_start_matches('/'));
            }
            at = at.rfind('/').map_or("", |slash| &at[..slash]);
        }
        dimension.to_owned()
    }

    /// The coordinates of a data variable: of its dimensions, and those that its `coordinates` attribute names.
    pub(super) fn coordinates(&self, data: &Member<'a>) -> Vec<&Member<'a>> {
        let own = data.variable.dimensions.iter().filter_map(|d| self.dimension_coordinate(data.group, d.as_str()));
        let named = names(data.variable, "coordinates");
        let named = named.filter_map(|name| self.members.get(self.resolve(data.group, &name)?));
        own.chain(named.filter(|member| member.purpose == Purpose::AuxiliaryCoordinate)).collect()
    }

    /// All coordinates along an axis that data variables have; if they have none, any coordinate of the dataset that fits.
    ///
    /// Latitude and longitude are often there without being named by a `coordinates` attribute.
    pub(super) fn along(&self, wanted: Axis) -> Vec<&Member<'a>> {
        let mut found: Vec<&Member<'a>> = Vec::new();
        for member in self.of(Purpose::Data).flat_map(|data| self.coordinates(data)) {
            if axis(member.variable) == Some(wanted) && !found.iter().any(|known| known.path == member.path) {
                found.push(member);
            }
        }
        if found.is_empty() {
            let purposes = [Purpose::DimensionCoordinate, Purpose::AuxiliaryCoordinate];
            found = self.members.iter().filter(|m| purposes.contains(&m.purpose)).collect();
            found.retain(|member| axis(member.variable) == Some(wanted));
        }
        found
    }

    /// The grid mapping of a data variable; of several the first that is not of latitudes and longitudes.
    ///
    /// Of a dataset where no variable names any, the only one that there is.
    pub(super) fn grid_mapping(&self, data: &Member<'a>) -> Option<&Member<'a>> {
        let is_plane = |member: &&Member<'a>| member.variable.text("grid_mapping_name") != Some("latitude_longitude");
        let named = mapping_names(data.variable).filter_map(|name| self.named(data.group, &name)).find(is_plane);
        if named.is_some() || data.variable.attributes.contains_key("grid_mapping") {
            return named;
        }
        let mut mappings = self.members.iter().filter(|member| parameters::is_mapping(member.variable));
        let only = mappings.next().filter(|_| mappings.next().is_none());
        only.filter(is_plane)
    }

    /// The first grid mapping of a data variable, also that of latitudes and longitudes.
    pub(super) fn any_mapping(&self, data: &Member<'a>) -> Option<&Member<'a>> {
        mapping_names(data.variable).find_map(|name| self.named(data.group, &name))
    }

    /// The variable that a name in an attribute of a group's variable means.
    pub(super) fn named(&self, group: &str, name: &str) -> Option<&Member<'a>> {
        self.members.get(self.resolve(group, name)?)
    }

    /// The bounds of a coordinate, if they have its shape and one dimension more (CF 7.1).
    pub(super) fn bounds(&self, coordinate: &Member<'a>) -> Option<&Member<'a>> {
        let name = names(coordinate.variable, "bounds").chain(names(coordinate.variable, "climatology")).next()?;
        let member = self.members.get(self.resolve(coordinate.group, &name)?)?;
        let (last, rest) = member.variable.shape.split_last()?;
        (*last >= 2 && rest == coordinate.variable.shape).then_some(member)
    }

    /// What is known of numbers that the cube does not hold itself.
    pub(super) fn digest(&self, member: &Member<'a>) -> Option<&'a Digest> {
        self.digests.get(&member.path)
    }

    /// The numbers of a coordinate or bounds; `None` if it holds none, or they are not kept.
    pub(super) fn numbers(&self, member: &Member<'a>) -> Option<Coordinate<'a>> {
        match member.variable.inline() {
            Some(array) => unpacked(member.variable, array).map(Coordinate::Whole),
            // A digest is of packed numbers: of no use until they are unpacked.
            None if packing(member.variable) != (1.0, 0.0) => None,
            None => self.digest(member).map(Coordinate::Digest),
        }
    }
}

fn purpose_of(variable: &Variable, referenced: Option<Purpose>) -> Purpose {
    if referenced == Some(Purpose::Bounds) {
        return Purpose::Bounds;
    }
    if variable.dimensions.len() == 1 && variable.dimensions[0].as_str() == variable.name.as_str() {
        return Purpose::DimensionCoordinate;
    }
    if let Some(purpose) = referenced {
        return purpose;
    }
    let is_text = variable.data_type.number().is_none();
    if is_text || variable.attributes.contains_key("grid_mapping_name") {
        return Purpose::Other;
    }
    match axis(variable) {
        Some(Axis::Latitude | Axis::Longitude) => Purpose::AuxiliaryCoordinate,
        Some(_) if variable.dimensions.is_empty() => Purpose::AuxiliaryCoordinate,
        _ => Purpose::Data,
    }
}

/// The name of a type in STAC's `data_type`.
pub(super) fn stac_data_type(data_type: &DataType) -> String {
    match data_type.number() {
        Some((primitive, _)) => {
            let name = match primitive.kind() {
                'i' => "int",
                'u' => "uint",
                _ => "float",
            };
            format!("{name}{}", primitive.size() * 8)
        }
        None => "other".into(),
    }
}
