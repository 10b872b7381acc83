//! Which walls stand around functions.

use domain::Action;
use runtime::{RequiredWalls, Walls};

use super::{Caller, Error, Service};
use crate::wire;

impl Service {
    /// Only for tokens of the account `default` that may manage accounts: it is the machine that is told of.
    pub(crate) async fn list_walls(&self, caller: &Caller) -> Result<wire::Walls, Error> {
        self.permit(caller, Action::WallList, None, "").await?;
        Ok(self.walls.clone())
    }
}

/// As it is told.
pub(crate) fn shown(required: &RequiredWalls, walls: &Walls) -> wire::Walls {
    let wall = |(wall, missing): (runtime::Wall, Option<&str>)| wire::Wall {
        name: wall.name().to_owned(),
        stands: missing.is_none(),
        keeps: wall.keeps().to_owned(),
        reason: missing.map(str::to_owned),
        meaning: missing.map(|_| wall.without().to_owned()),
    };
    wire::Walls { required: required.to_string(), items: walls.iter().map(wall).collect() }
}
