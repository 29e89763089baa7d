//! A cube as the CF conventions read it: data variables, coordinates, bounds (CF 1.11, chapters 2 to 7).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::{
    Array, ArrayValues, AttributeValue, DataType, Digest, Group, Numbers, Variable, VariablePath, VirtualCube,
};

/// What a variable is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What people want.
    Data,
    /// The coordinate variable of the dimension of its name (CF 5).
    DimensionCoordinate,
    /// An auxiliary or scalar coordinate (CF 5).
    AuxiliaryCoordinate,
    /// The edges of cells (CF 7.1, 7.4).
    Bounds,
    /// Grid mappings, cell measures, ancillary variables and texts.
    Other,
}

impl std::fmt::Display for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Data => "data",
            Self::DimensionCoordinate => "coordinate",
            Self::AuxiliaryCoordinate => "auxiliary coordinate",
            Self::Bounds => "bounds",
            Self::Other => "other",
        })
    }
}

/// What each variable of a cube is by the CF conventions.
pub fn read_purposes(
    cube: &VirtualCube,
    coordinate_digests: &BTreeMap<VariablePath, Digest>,
) -> BTreeMap<VariablePath, Purpose> {
    let dataset = Dataset::new(cube, coordinate_digests);
    dataset.members.iter().map(|member| (member.path.clone(), member.purpose)).collect()
}

/// The axis that a coordinate runs along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Latitude,
    Longitude,
    /// A horizontal axis that is not longitude: projected or rotated.
    X,
    /// A horizontal axis that is not latitude: projected or rotated.
    Y,
    Vertical,
    Time,
}

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

/// A cube as CF reads it.
pub(super) struct Dataset<'a> {
    pub(super) members: Vec<Member<'a>>,
    by_path: HashMap<String, usize>,
    dimension_groups: HashSet<(&'a str, &'a str)>,
    digests: &'a BTreeMap<VariablePath, Digest>,
}

const LATITUDE_UNITS: [&str; 6] = ["degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"];
const LONGITUDE_UNITS: [&str; 6] = ["degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"];
const VERTICAL_NAMES: [&str; 12] = [
    "air_pressure",
    "altitude",
    "depth",
    "height",
    "height_above_mean_sea_level",
    "height_above_reference_ellipsoid",
    "model_level_number",
    "atmosphere_sigma_coordinate",
    "atmosphere_hybrid_sigma_pressure_coordinate",
    "atmosphere_hybrid_height_coordinate",
    "ocean_sigma_coordinate",
    "ocean_s_coordinate",
];

/// The axis of a variable, by `standard_name`, `units`, `axis` and `positive`; by its name only where it has no standard name.
pub(super) fn axis(variable: &Variable) -> Option<Axis> {
    let units = variable.text("units").map(|units| units.trim().to_ascii_lowercase()).unwrap_or_default();
    match variable.text("standard_name").unwrap_or_default() {
        "latitude" => return Some(Axis::Latitude),
        "longitude" => return Some(Axis::Longitude),
        "time" => return Some(Axis::Time),
        "projection_x_coordinate" | "grid_longitude" | "projection_x_angular_coordinate" => return Some(Axis::X),
        "projection_y_coordinate" | "grid_latitude" | "projection_y_angular_coordinate" => return Some(Axis::Y),
        name if VERTICAL_NAMES.contains(&name) => return Some(Axis::Vertical),
        _ => {}
    }
    if LATITUDE_UNITS.contains(&units.as_str()) {
        return Some(Axis::Latitude);
    }
    if LONGITUDE_UNITS.contains(&units.as_str()) {
        return Some(Axis::Longitude);
    }
    let plain_degrees = units.is_empty() || units.starts_with("degree");
    match variable.name.as_str().to_ascii_lowercase().as_str() {
        "lat" | "latitude" | "nav_lat" if plain_degrees => return Some(Axis::Latitude),
        "lon" | "longitude" | "nav_lon" if plain_degrees => return Some(Axis::Longitude),
        _ => {}
    }
    match variable.text("axis").map(str::trim) {
        Some("X" | "x") => return Some(Axis::X),
        Some("Y" | "y") => return Some(Axis::Y),
        Some("Z" | "z") => return Some(Axis::Vertical),
        Some("T" | "t") => return Some(Axis::Time),
        _ => {}
    }
    let positive = variable.text("positive").map(str::to_ascii_lowercase);
    if matches!(positive.as_deref(), Some("up" | "down")) {
        return Some(Axis::Vertical);
    }
    None
}

/// The names that an attribute lists, without the keys of `key: name` pairs.
fn names(variable: &Variable, attribute: &str) -> impl Iterator<Item = String> {
    let text = variable.text(attribute).unwrap_or_default().to_owned();
    text.split_whitespace().filter(|word| !word.ends_with(':')).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

impl<'a> Dataset<'a> {
    /// Reads a cube; the digests are those of coordinates that it does not hold itself.
    pub(super) fn new(cube: &'a VirtualCube, digests: &'a BTreeMap<VariablePath, Digest>) -> Self {
        let mut dataset =
            Self { members: Vec::new(), by_path: HashMap::new(), dimension_groups: HashSet::new(), digests };
        let mut groups = std::collections::VecDeque::from([&cube.root]);
        while let Some(group) = groups.pop_front() {
            dataset.take(group);
            groups.extend(group.groups.values());
        }
        dataset.assign();
        dataset
    }

    fn take(&mut self, group: &'a Group) {
        self.dimension_groups.extend(group.dimensions.keys().map(|name| (group.path.as_str(), name.as_str())));
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
                (["grid_mapping", "cell_measures", "ancillary_variables", "formula_terms"].as_slice(), Purpose::Other),
                (&["coordinates"], Purpose::AuxiliaryCoordinate),
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
        for (index, member) in self.members.iter_mut().enumerate() {
            member.purpose = purpose_of(member.variable, referenced.get(&index).copied());
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

/// The values that stand for missing ones, as binary64.
pub(super) fn missing_values(variable: &Variable) -> Vec<f64> {
    let numbers = |name| match variable.attributes.get(name) {
        Some(AttributeValue::Numbers(numbers)) => numbers.to_f64(),
        _ => Vec::new(),
    };
    [numbers("_FillValue"), numbers("missing_value")].concat()
}

/// The factor and the offset of packed numbers (CF 8.1).
pub(super) fn packing(variable: &Variable) -> (f64, f64) {
    let number = |name| variable.attributes.get(name).and_then(AttributeValue::number);
    (number("scale_factor").unwrap_or(1.0), number("add_offset").unwrap_or(0.0))
}

/// No coordinate is that large: netCDF's own fill value (9.97e36), or another that no attribute names.
const LARGEST_COORDINATE: f64 = 1e19;

fn unpacked(variable: &Variable, array: &Array) -> Option<Vec<f64>> {
    let ArrayValues::Numbers(numbers) = &array.values else { return None };
    let missing = missing_values(variable);
    let raw = numbers.to_f64();
    let (factor, offset) = packing(variable);
    let shown = if (factor, offset) == (1.0, 0.0) { shortest(numbers) } else { Cow::Borrowed(raw.as_slice()) };
    let unpack = |(raw, shown): (&f64, &f64)| {
        if missing.contains(raw) || raw.abs() >= LARGEST_COORDINATE { f64::NAN } else { shown * factor + offset }
    };
    Some(raw.iter().zip(shown.iter()).map(unpack).collect())
}

/// The numbers as people wrote them: 0.1 stored in 32 bits is 0.1, not 0.10000000149.
pub(super) fn shortest(numbers: &Numbers) -> Cow<'static, [f64]> {
    let values = match numbers {
        Numbers::F32(values) => values.iter().map(|value| shortest_f32(*value)).collect(),
        other => other.to_f64(),
    };
    Cow::Owned(values)
}

fn shortest_f32(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
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
