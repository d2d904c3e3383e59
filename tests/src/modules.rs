//! Networks and layers filled from a fixture, and compared with it, by name.

use clel_autograd::{GradOptions, Var, grad};
use clel_nn::{Module, Slot};

use crate::{Case, Failure};

/// Gives every parameter and state of `module` the tensor of its name.
///
/// # Errors
/// A name of the module is not in the fixture, or one of the fixture not in the module; a shape differs.
pub fn load(case: &Case<'_>, module: &dyn Module) -> Result<(), Failure> {
    let mut unused = case.keys();
    for (name, slot) in module.slots() {
        let file = case.tensor(&name)?;
        match slot {
            Slot::Parameter(p) => p.set(p.order().from_file(&file)?)?,
            Slot::State(s) => s.set(s.order().from_file(&file)?)?,
        }
        unused.retain(|key| *key != name);
    }
    none_left(&unused)
}

/// Compares the gradients of `objective` with respect to every parameter.
///
/// # Errors
/// The objective does not depend on one of them, or the fixture has no such tensor.
pub fn same_gradients(
    case: &Case<'_>,
    module: &dyn Module,
    objective: &Var,
) -> Result<(), Failure> {
    let parameters = module.parameters();
    let leaves: Vec<Var> = parameters.iter().map(|(_, p)| p.var()).collect();
    let found = grad(
        &[objective],
        &leaves.iter().collect::<Vec<_>>(),
        &GradOptions::default(),
    )?;
    for ((name, p), g) in parameters.iter().zip(&found) {
        case.same(name, &p.order().to_file(g.tensor())?)?;
    }
    Ok(())
}

/// Compares parameters and states with the tensors of their names, all that the fixture has here.
///
/// # Errors
/// The fixture has none, or one that the module has not; what the device reports.
pub fn same_values(case: &Case<'_>, module: &dyn Module) -> Result<(), Failure> {
    let mut unused = case.keys();
    if unused.is_empty() {
        return Err(format!("there is nothing under {}", case.prefix()).into());
    }
    for (name, slot) in module.slots() {
        if !case.has(&name) {
            continue;
        }
        let file = match slot {
            Slot::Parameter(p) => p.order().to_file(&p.tensor())?,
            Slot::State(s) => s.order().to_file(&s.tensor())?,
        };
        case.same(&name, &file)?;
        unused.retain(|key| *key != name);
    }
    none_left(&unused)
}

fn none_left(unused: &[String]) -> Result<(), Failure> {
    match unused {
        [] => Ok(()),
        _ => Err(format!("the module has no {}", unused.join(", ")).into()),
    }
}
