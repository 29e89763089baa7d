//! What a variable is there for.

use std::collections::BTreeMap;
use std::fmt;

use super::axis::{Axis, axis};
use super::dataset::Dataset;
use crate::model::{Digest, VariablePath, VirtualCube};

/// What a variable is there for (CF 1.11).
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

/// A variable's purpose, and of a coordinate the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// What it is there for.
    pub purpose: Purpose,
    /// The axis that a coordinate runs along, if it says so.
    pub axis: Option<Axis>,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "data",
            Self::DimensionCoordinate => "coordinate",
            Self::AuxiliaryCoordinate => "auxiliary coordinate",
            Self::Bounds => "bounds",
            Self::Other => "other",
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.axis {
            Some(axis) => write!(f, "{}: {axis}", self.purpose),
            None => self.purpose.fmt(f),
        }
    }
}

/// Reads what each variable is there for by the CF conventions.
pub fn read_purposes(
    cube: &VirtualCube,
    coordinate_digests: &BTreeMap<VariablePath, Digest>,
) -> BTreeMap<VariablePath, Role> {
    let dataset = Dataset::new(cube, coordinate_digests);
    let role = |member: &super::dataset::Member<'_>| {
        let is_coordinate = matches!(member.purpose, Purpose::DimensionCoordinate | Purpose::AuxiliaryCoordinate);
        Role { purpose: member.purpose, axis: axis(member.variable).filter(|_| is_coordinate) }
    };
    dataset.members.iter().map(|member| (member.path.clone(), role(member))).collect()
}
