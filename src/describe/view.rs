//! What a quick-look can show of a dataset: which variable, at which step, and where its numbers are.

use super::axis::{Axis, axis};
use super::dataset::{Dataset, Member};
use super::numbers::unpacked;
use super::projection::Projection;
use super::purpose::Purpose;
use super::temporal::is_time;
use crate::cftime::{Calendar, TimeUnits};
use crate::model::{
    AttributeValue, DimensionName, FacetValues, ThumbnailSettings, Variable, VariablePath, VirtualCube,
};

/// So many latitudes of one longitude are a mean along the parallels, or are shown like one.
const ZONAL: u64 = 8;

/// What a quick-look can show.
#[derive(Debug)]
pub struct View {
    /// The variable.
    pub variable: VariablePath,
    /// Its name for people.
    pub title: String,
    /// Where along its other dimensions: a time, a level.
    pub subtitle: String,
    /// Its unit; empty if it has none.
    pub units: String,
    /// Whether its numbers mean a difference.
    pub is_difference: bool,
    /// Whether its numbers are names of something.
    pub is_flag: bool,
    /// Along which dimensions one step alone is shown, and which.
    pub steps: Vec<(DimensionName, u64)>,
    /// Where its numbers are.
    pub sight: Sight,
}

/// Where numbers are; coordinates by their paths.
#[derive(Debug)]
pub enum Sight {
    /// Between two axes.
    Axes {
        /// The coordinate along x, and its dimension.
        x: (VariablePath, DimensionName),
        /// The coordinate along y, and its dimension.
        y: (VariablePath, DimensionName),
        /// From the numbers of the axes to the earth.
        earth: Earth,
    },
    /// On a curvilinear grid or a swath.
    Grid {
        /// Rows and columns.
        dimensions: [DimensionName; 2],
        /// Longitudes in degrees.
        longitude: VariablePath,
        /// Latitudes in degrees.
        latitude: VariablePath,
    },
    /// By themselves.
    Points {
        /// The dimensions of the places.
        dimensions: Vec<DimensionName>,
        /// Longitudes in degrees.
        longitude: VariablePath,
        /// Latitudes in degrees.
        latitude: VariablePath,
        /// Whether they are cells of a mesh.
        is_mesh: bool,
    },
    /// One after the other, without a map.
    Series {
        /// The dimension.
        dimension: Option<DimensionName>,
        /// Its coordinate.
        coordinate: Option<VariablePath>,
        /// What the first and the last are called.
        ends: (String, String),
        /// What the axis is called.
        axis: String,
    },
}

/// From the numbers of two axes to longitude and latitude.
#[derive(Debug)]
pub struct Earth(EarthKind);

#[derive(Debug)]
enum EarthKind {
    Degrees,
    Projected { projection: Box<Projection>, unit: (f64, f64) },
}

impl Earth {
    /// Longitude and latitude in degrees; `None` where the projection has no point of the earth.
    pub fn to_earth(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        match &self.0 {
            EarthKind::Degrees => (x.is_finite() && y.is_finite()).then_some((x, y.clamp(-90.0, 90.0))),
            EarthKind::Projected { projection, unit } => projection.to_earth(x * unit.0, y * unit.1),
        }
    }

    /// Whether the axes are degrees east and north.
    pub fn is_degrees(&self) -> bool {
        matches!(self.0, EarthKind::Degrees)
    }
}

/// Finds what a quick-look shows: the variable that the recipe names; else the first that has a map, those first that a facet names.
///
/// # Errors
/// Why there is nothing to be shown, in words.
pub fn find_view(cube: &VirtualCube, facets: &FacetValues, settings: &ThumbnailSettings) -> Result<View, String> {
    let digests = std::collections::BTreeMap::new();
    let dataset = Dataset::new(cube, &digests);
    let is_drawn = |member: &&Member<'_>| {
        let variable = member.variable;
        variable.data_type.number().is_some() && !variable.shape.contains(&0)
    };
    if let Some(name) = &settings.variable {
        let key = name.trim_start_matches('/');
        let member = dataset.members.iter().find(|member| member.path.key() == key);
        let member =
            member.ok_or_else(|| format!("there is no variable {name}; {}", super::horizontal::variables(&dataset)))?;
        if !is_drawn(&member) {
            return Err(format!("{name} holds no numbers"));
        }
        return view(cube, &dataset, member, settings);
    }
    // How many samples there are, and where each belongs to (CF 9.3).
    let is_count = |member: &Member<'_>| {
        ["sample_dimension", "instance_dimension", "compress"].iter().any(|name| member.variable.text(name).is_some())
    };
    let is_named =
        |member: &Member<'_>| facets.iter().any(|(_, facet)| facet.as_str() == Some(member.variable.name.as_str()));
    let rank = |sight: &Sight| match sight {
        Sight::Axes { .. } | Sight::Grid { .. } => 0,
        Sight::Points { .. } => 1,
        Sight::Series { dimension: Some(_), .. } => 2,
        Sight::Series { .. } => 3,
    };
    let found: Vec<_> = dataset.of(Purpose::Data).filter(is_drawn).collect();
    let all = found.into_iter().map(|member| {
        let sight = sight(cube, &dataset, member);
        ((is_count(member), rank(&sight), !is_named(member)), member)
    });
    let best = all.min_by_key(|(rank, _)| *rank).ok_or("no data variable holds numbers")?;
    view(cube, &dataset, best.1, settings)
}

fn view(
    cube: &VirtualCube,
    dataset: &Dataset<'_>,
    member: &Member<'_>,
    settings: &ThumbnailSettings,
) -> Result<View, String> {
    let variable = member.variable;
    let mut sight = sight(cube, dataset, member);
    let shown: Vec<DimensionName> = match &sight {
        Sight::Axes { x, y, .. } => vec![x.1.clone(), y.1.clone()],
        Sight::Grid { dimensions, .. } => dimensions.to_vec(),
        Sight::Points { dimensions, .. } => dimensions.clone(),
        Sight::Series { dimension, .. } => dimension.iter().cloned().collect(),
    };
    let (mut steps, mut words) = (Vec::new(), Vec::new());
    for (name, length) in variable.dimensions.iter().zip(&variable.shape).filter(|(name, _)| !shown.contains(name)) {
        let coordinate = dataset.dimension_coordinate(member.group, name.as_str());
        let is_along_time = coordinate.is_some_and(|coordinate| is_time(coordinate.variable));
        let step = match settings.at.get(name.as_str()) {
            Some(wanted) => {
                nearest(coordinate, *wanted).ok_or_else(|| format!("the coordinate of {name} cannot be read"))?
            }
            None if is_along_time || (coordinate.is_none() && name.as_str() == "time") => {
                of_step(settings.step, *length)
                    .ok_or_else(|| format!("step {} of {name} was asked for, which has {length}", settings.step))?
            }
            None => 0,
        };
        steps.push((name.clone(), step));
        words.push(label(name, coordinate, step, *length));
    }
    // A scalar coordinate of time says when.
    let is_named_time =
        |variable: &Variable| is_time(variable) && matches!(variable.text("standard_name"), None | Some("time"));
    let has_time = steps.iter().any(|(name, _)| {
        dataset.dimension_coordinate(member.group, name.as_str()).is_some_and(|member| is_time(member.variable))
    });
    let scalars = dataset.coordinates(member).into_iter().filter(|member| member.variable.dimensions.is_empty());
    let mut times =
        scalars.filter(|member| is_named_time(member.variable)).filter_map(|member| value(member.variable, 0));
    words.extend(times.next().filter(|_| !has_time));
    if let Sight::Series { dimension: Some(name), coordinate, ends, axis } = &mut sight {
        let member = dataset.dimension_coordinate(member.group, name.as_str());
        let length =
            variable.dimensions.iter().zip(&variable.shape).find(|(own, _)| *own == name).map_or(1, |(_, n)| *n);
        let at = |index: u64| member.and_then(|member| value(member.variable, index));
        *ends = (at(0).unwrap_or_else(|| "0".into()), at(length - 1).unwrap_or_else(|| (length - 1).to_string()));
        *coordinate = member.map(|member| member.path.clone());
        *axis = match member {
            Some(member) if is_time(member.variable) => "time".into(),
            Some(member) => with_unit(&spoken(member.variable), member.variable.text("units").unwrap_or_default()),
            None => name.to_string(),
        };
    }
    words.retain(|word| !word.is_empty());
    let units = variable.text("units").unwrap_or_default().trim().to_owned();
    Ok(View {
        variable: member.path.clone(),
        title: titled(variable, member.path.key()),
        subtitle: words.join(", "),
        is_difference: is_difference(variable, &units),
        is_flag: ["flag_values", "flag_masks", "flag_meanings"]
            .iter()
            .any(|name| variable.attributes.contains_key(*name)),
        units,
        steps,
        sight,
    })
}

fn of_step(step: i64, length: u64) -> Option<u64> {
    let at = if step < 0 { i64::try_from(length).ok()?.checked_add(step)? } else { step };
    u64::try_from(at).ok().filter(|at| *at < length)
}

fn nearest(coordinate: Option<&Member<'_>>, wanted: f64) -> Option<u64> {
    let variable = coordinate?.variable;
    let values = unpacked(variable, variable.inline()?)?;
    let far = |value: &f64| (value - wanted).abs();
    let best =
        values.iter().enumerate().filter(|(_, value)| value.is_finite()).min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
    u64::try_from(best?.0).ok()
}

fn spoken(variable: &Variable) -> String {
    let named = |name| variable.text(name).map(str::trim).filter(|text| !text.is_empty());
    match (named("long_name"), named("standard_name")) {
        (Some(long), _) => long.to_owned(),
        (None, Some(standard)) => standard.replace('_', " "),
        (None, None) => variable.name.to_string(),
    }
}

fn titled(variable: &Variable, key: &str) -> String {
    let spoken = spoken(variable);
    if spoken == key { spoken } else { format!("{spoken} ({key})") }
}

fn with_unit(name: &str, unit: &str) -> String {
    if unit.trim().is_empty() || unit.trim() == "1" { name.to_owned() } else { format!("{name} [{}]", unit.trim()) }
}

/// Where one step is: `2000-01-16 12:00 (1 of 12)`, `plev 92500 Pa (1 of 19)`.
fn label(name: &DimensionName, coordinate: Option<&Member<'_>>, step: u64, length: u64) -> String {
    let count = if length > 1 { format!(" ({} of {length})", step + 1) } else { String::new() };
    let known = coordinate.and_then(|member| Some((member, value(member.variable, step)?)));
    match known {
        Some((member, value)) if is_time(member.variable) => format!("{value}{count}"),
        Some((member, value)) => {
            let unit = member.variable.text("units").filter(|unit| *unit != "1").unwrap_or_default();
            format!("{} {unit}{count}", format!("{name} {value}").trim_end()).replace("  ", " ").trim_end().to_owned()
        }
        None if length > 1 => format!("{name} {} of {length}", step + 1),
        None => String::new(),
    }
}

/// One value of a coordinate in words; a time as a date.
fn value(variable: &Variable, at: u64) -> Option<String> {
    let values = unpacked(variable, variable.inline()?)?;
    let value = values.get(usize::try_from(at).ok()?).copied().filter(|value| value.is_finite())?;
    if !is_time(variable) {
        // Six digits: 0.99615 of what is stored as 0.9961499869823456.
        let short = format!("{value:.5e}").parse().unwrap_or(value);
        return Some(short.to_string());
    }
    let calendar = variable.text("calendar").map_or(Ok(Calendar::Standard), Calendar::parse).ok()?;
    let units = TimeUnits::parse(variable.text("units")?, calendar).ok()?;
    let text = calendar.date_time(units.decode_f64(value).ok()?).to_string();
    let (date, time) = text.split_once('T')?;
    let time = time.split('.').next().unwrap_or(time);
    Some(match time.strip_suffix(":00").unwrap_or(time) {
        "00:00" => date.to_owned(),
        time => format!("{date} {time}"),
    })
}

fn is_difference(variable: &Variable, units: &str) -> bool {
    let text = |name| variable.text(name).unwrap_or_default().to_ascii_lowercase();
    let (standard, long) = (text("standard_name"), text("long_name"));
    let says = |word: &str| standard.contains(word) || long.contains(word);
    let is_vector = ["eastward", "northward", "upward_air_velocity", "grid_northward", "x_wind", "y_wind"];
    let is_temperature = matches!(units, "K" | "degC" | "celsius" | "Celsius" | "degree_C" | "degrees_C");
    ["anomal", "difference", "tendency", "trend", " bias"].iter().any(|word| says(word))
        || (!is_temperature
            && (is_vector.iter().any(|word| standard.contains(word)) || long.contains("wind component")))
}

/// Where the numbers of a variable are.
fn sight(cube: &VirtualCube, dataset: &Dataset<'_>, data: &Member<'_>) -> Sight {
    let own = &data.variable.dimensions;
    let along = |wanted: Axis| -> Vec<&Member<'_>> {
        let of = |member: &&Member<'_>| {
            axis(member.variable) == Some(wanted)
                && member.variable.dimensions.iter().all(|dimension| own.contains(dimension))
                && member.variable.data_type.number().is_some()
        };
        let coordinates: Vec<_> = dataset.coordinates(data).into_iter().filter(of).collect();
        let found =
            if coordinates.is_empty() { dataset.along(wanted).into_iter().filter(of).collect() } else { coordinates };
        // Two-dimensional ones say more than a scalar or an axis beside them.
        let mut found: Vec<_> = found;
        found.sort_by_key(|member| std::cmp::Reverse(member.variable.dimensions.len()));
        found
    };
    let (latitudes, longitudes) = (along(Axis::Latitude), along(Axis::Longitude));
    for latitude in &latitudes {
        for longitude in &longitudes {
            if let Some(sight) = between(cube, dataset, data, (latitude, longitude)) {
                return sight;
            }
        }
    }
    if let Some(sight) = projected(dataset, data) {
        return sight;
    }
    let long = || own.iter().zip(&data.variable.shape).filter(|(_, length)| **length > 1);
    let is_along_time = |name: &DimensionName| {
        dataset.dimension_coordinate(data.group, name.as_str()).is_some_and(|member| is_time(member.variable))
    };
    let chosen = long().find(|(name, _)| is_along_time(name)).or_else(|| long().max_by_key(|(_, length)| **length));
    let dimension = chosen.map(|(name, _)| name.clone()).or_else(|| own.first().cloned());
    Sight::Series { dimension, coordinate: None, ends: Default::default(), axis: String::new() }
}

fn between(
    cube: &VirtualCube,
    dataset: &Dataset<'_>,
    data: &Member<'_>,
    (latitude, longitude): (&Member<'_>, &Member<'_>),
) -> Option<Sight> {
    let (down, across) = (&latitude.variable.dimensions, &longitude.variable.dimensions);
    let length = |name: &DimensionName| {
        data.variable.dimensions.iter().zip(&data.variable.shape).find(|(own, _)| *own == name).map_or(0, |(_, n)| *n)
    };
    let is_time_axis = |name: &DimensionName| {
        dataset.dimension_coordinate(data.group, name.as_str()).is_some_and(|member| is_time(member.variable))
    };
    if let ([y], [x]) = (&down[..], &across[..])
        && x != y
    {
        let is_small = length(x) < 2 && length(y) < 2;
        // A mean over all longitudes is no map.
        if length(x) < 2 && length(y) >= ZONAL {
            let (coordinate, ends, axis) = (None, Default::default(), String::new());
            return Some(Sight::Series { dimension: Some(y.clone()), coordinate, ends, axis });
        }
        let has_other = data.variable.dimensions.iter().any(|name| name != x && name != y && length(name) > 1);
        return (!(is_small && has_other)).then(|| Sight::Axes {
            x: (longitude.path.clone(), x.clone()),
            y: (latitude.path.clone(), y.clone()),
            earth: Earth(EarthKind::Degrees),
        });
    }
    if down != across || down.is_empty() {
        return None;
    }
    let (longitude, latitude) = (longitude.path.clone(), latitude.path.clone());
    let is_sampling =
        matches!(cube.root.attributes.get("featureType"), Some(AttributeValue::Text(text)) if !text.trim().is_empty());
    let horizontal: Vec<&DimensionName> = match down.len() {
        0..=2 => down.iter().collect(),
        count => down[count - 2..].iter().collect(),
    };
    if let [rows, columns] = horizontal[..]
        && !is_sampling
        && length(rows) > 1
        && length(columns) > 1
    {
        return Some(Sight::Grid { dimensions: [rows.clone(), columns.clone()], longitude, latitude });
    }
    let elements: u64 = down.iter().map(&length).product();
    let is_more = data.variable.dimensions.iter().any(|name| !down.contains(name) && length(name) > 1);
    // One station: its series says more than a point.
    if elements < 2 && is_more {
        return None;
    }
    let is_plain = !is_sampling && down.len() == 1 && !is_time_axis(&down[0]);
    let is_mesh = is_plain && elements >= if data.variable.text("mesh").is_some() { 12 } else { 400 };
    Some(Sight::Points { dimensions: down.clone(), longitude, latitude, is_mesh })
}

/// Between the axes of a grid mapping.
fn projected(dataset: &Dataset<'_>, data: &Member<'_>) -> Option<Sight> {
    let parameters = super::parameters::of(dataset.grid_mapping(data)?.variable)?;
    let projection = Projection::read(&parameters)?;
    let coordinates = dataset.coordinates(data);
    let along = |wanted| {
        let found = coordinates.iter().copied().find(|member| axis(member.variable) == Some(wanted))?;
        let [dimension] = &found.variable.dimensions[..] else { return None };
        let unit = projection.unit(found.variable.text("units"))?;
        Some(((found.path.clone(), dimension.clone()), unit))
    };
    let ((x, across), (y, down)) = (along(Axis::X)?, along(Axis::Y)?);
    let earth = Earth(EarthKind::Projected { projection: Box::new(projection), unit: (across, down) });
    Some(Sight::Axes { x, y, earth })
}
