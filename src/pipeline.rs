//! The flow from a recipe to a published catalogue; the only file that names every stage.
