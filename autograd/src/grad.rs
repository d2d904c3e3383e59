//! The walk from outputs back to inputs.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use clel_tensor::Tensor;

use crate::{
    Error, Result, Var,
    var::{Node, is_recording, set_recording},
};

/// How to take a gradient.
#[derive(Debug, Clone, Default)]
pub struct GradOptions {
    /// Record the computation of the gradients, so that they can be differentiated again.
    pub create_graph: bool,
    /// The outputs' cotangents, of their shapes and types and on their devices; ones if not given, which is the gradient of
    /// the outputs' sum.
    pub seeds: Option<Vec<Var>>,
    /// Zeros for inputs that the outputs do not depend on, instead of an error.
    pub allow_unused: bool,
}

impl GradOptions {
    /// Gradients that can be differentiated again.
    ///
    /// A gradient that is constant, as that of 3x, is a constant `Var`: the next [`grad`] ends with
    /// [`Error::Unused`], unless [`allow_unused`](GradOptions::allow_unused) asks for the zeros that its derivative is.
    ///
    /// ```
    /// use clel_autograd::{Error, GradOptions, Var, grad};
    /// use clel_tensor::{Device, Tensor};
    /// let x = Var::leaf(Tensor::scalar(2.0f32, &Device::Cpu)?);
    /// let first = grad(&[&x.mul_scalar(3.0)?], &[&x], &GradOptions::recorded())?.remove(0);
    /// let second = grad(&[&first], &[&x], &GradOptions::recorded());
    /// assert!(matches!(second, Err(Error::Unused { .. })));
    /// let zeros = GradOptions { allow_unused: true, ..GradOptions::recorded() };
    /// assert_eq!(grad(&[&first], &[&x], &zeros)?[0].tensor().item()?, 0.0);
    /// # Ok::<(), clel_autograd::Error>(())
    /// ```
    pub fn recorded() -> GradOptions {
        GradOptions {
            create_graph: true,
            ..GradOptions::default()
        }
    }
}

/// The gradients of `Σ ⟨seed, output⟩` with respect to each of `inputs`.
///
/// Only operations that lie between the outputs and these inputs are visited, and of their
/// derivatives only those that lead there are computed: the gradient with respect to an image computes no
/// weight's.
///
/// # Errors
/// [`Error::Unused`], [`Error::Constant`], [`Error::NotFloat`], [`Error::Seeds`], or what an operation reports.
pub fn grad(outputs: &[&Var], inputs: &[&Var], options: &GradOptions) -> Result<Vec<Var>> {
    let outputs = outputs.iter().map(|v| (*v).clone()).collect();
    grad_releasing(outputs, inputs, options)
}

/// [`grad`] of outputs that nothing else will be asked of: what each step of the computation had saved is freed as soon as its
/// gradient has been taken, unless another `Var` holds it. The least memory that a gradient can be had for.
///
/// # Errors
/// Those of [`grad`].
pub fn grad_releasing(
    outputs: Vec<Var>,
    inputs: &[&Var],
    options: &GradOptions,
) -> Result<Vec<Var>> {
    let targets = target_ids(inputs, options.allow_unused)?;
    let seeds = seeds(&outputs, options)?;
    let on_path = nodes_between(&outputs, &targets);
    // their gradient is zero where every derivative on the way is: those of steps, comparisons and signs
    let reached: HashSet<u64> = on_path.keys().copied().collect();
    let record = options.create_graph && is_recording();
    let mut found = set_recording(record, || walk(outputs, seeds, on_path, &targets))?;
    let result = inputs
        .iter()
        .zip(&targets)
        .enumerate()
        .map(|(i, (input, target))| {
            // the same input may be asked for twice, so gradients are not moved out
            match target.and_then(|id| found.get(&id).cloned()) {
                Some(g) => Ok(g),
                None if options.allow_unused || target.is_some_and(|id| reached.contains(&id)) => {
                    let t = input.tensor();
                    Ok(Var::constant(Tensor::zeros(
                        t.shape(),
                        t.dtype(),
                        t.device(),
                    )?))
                }
                None => Err(Error::Unused {
                    input: i,
                    shape: input.shape().to_vec(),
                }),
            }
        });
    let result = result.collect();
    found.clear();
    result
}

fn target_ids(inputs: &[&Var], allow_unused: bool) -> Result<Vec<Option<u64>>> {
    let id = |(i, v): (usize, &&Var)| match v.node() {
        _ if !v.tensor().dtype().is_float() => Err(Error::NotFloat {
            input: i,
            shape: v.shape().to_vec(),
            dtype: v.tensor().dtype(),
        }),
        Some(node) => Ok(Some(node.id)),
        None if allow_unused => Ok(None),
        None => Err(Error::Constant {
            input: i,
            shape: v.shape().to_vec(),
        }),
    };
    inputs.iter().enumerate().map(id).collect()
}

fn seeds(outputs: &[Var], options: &GradOptions) -> Result<Vec<Var>> {
    let Some(given) = &options.seeds else {
        let ones = outputs.iter().map(|v| {
            let t = v.tensor();
            Ok(Var::constant(Tensor::ones(
                t.shape(),
                t.dtype(),
                t.device(),
            )?))
        });
        return ones.collect();
    };
    if !given
        .iter()
        .map(Var::shape)
        .eq(outputs.iter().map(Var::shape))
    {
        return Err(Error::Seeds {
            found: given.len(),
            shapes: given.iter().map(|v| v.shape().to_vec()).collect(),
            expected: outputs.iter().map(|v| v.shape().to_vec()).collect(),
        });
    }
    for (seed, output) in given.iter().zip(outputs) {
        check_seed(seed.tensor(), output.tensor())?;
    }
    Ok(given.clone())
}

fn check_seed(seed: &Tensor, output: &Tensor) -> Result<()> {
    let op = "grad";
    let [found, expected] = [seed, output].map(Tensor::dtype);
    if found != expected {
        return Err(clel_tensor::Error::DType {
            op,
            expected,
            found,
        }
        .into());
    }
    if seed.device() != output.device() {
        let [lhs, rhs] = [seed, output].map(|t| t.device().to_string());
        return Err(clel_tensor::Error::Devices { op, lhs, rhs }.into());
    }
    Ok(())
}

/// The nodes that an output depends on and that depend on a target themselves, by id.
fn nodes_between(outputs: &[Var], targets: &[Option<u64>]) -> BTreeMap<u64, Arc<Node>> {
    let targets: HashSet<u64> = targets.iter().flatten().copied().collect();
    let Some(&oldest) = targets.iter().min() else {
        return BTreeMap::new();
    };
    let mut reached = BTreeMap::new();
    let mut stack: Vec<&Arc<Node>> = outputs.iter().filter_map(|v| v.node()).collect();
    while let Some(node) = stack.pop() {
        // what is older than every target cannot depend on one
        if node.id >= oldest && reached.insert(node.id, node).is_none() {
            stack.extend(node.parents.iter().flatten());
        }
    }
    // operands are older, so ascending order decides them first
    let mut between = BTreeMap::new();
    for (id, node) in reached {
        let leads = |p: &Arc<Node>| between.contains_key(&p.id);
        if targets.contains(&id) || node.parents.iter().flatten().any(leads) {
            between.insert(id, node.clone());
        }
    }
    between
}

/// Carries cotangents from the newest node to the oldest, letting go of each; returns those of the targets.
fn walk(
    outputs: Vec<Var>,
    seeds: Vec<Var>,
    mut on_path: BTreeMap<u64, Arc<Node>>,
    targets: &[Option<u64>],
) -> Result<BTreeMap<u64, Var>> {
    let mut cotangents: BTreeMap<u64, Var> = BTreeMap::new();
    for (output, seed) in outputs.into_iter().zip(seeds) {
        if let Some(node) = output.node() {
            accumulate(&mut cotangents, node.id, seed)?;
        }
    }
    // ANCHOR: walk
    let mut found = BTreeMap::new();
    // operands are older, so those of a node are still there when it is taken out
    while let Some((id, node)) = on_path.pop_last() {
        let Some(gy) = cotangents.remove(&id) else {
            continue;
        };
        let leads = |i: usize| {
            node.parents[i]
                .as_ref()
                .is_some_and(|p| on_path.contains_key(&p.id))
        };
        let gradients = node.op.vjp(&node, &gy, leads)?;
        for (i, g) in gradients.into_iter().enumerate() {
            if let (Some(g), Some(parent)) = (g, &node.parents[i])
                && leads(i)
            {
                accumulate(&mut cotangents, parent.id, unbroadcast(g, &node.shapes[i])?)?;
            }
        }
        if targets.contains(&Some(id)) {
            found.insert(id, gy);
        }
    }
    Ok(found)
    // ANCHOR_END: walk
}

/// The first gradient is moved in, later ones are added.
fn accumulate(cotangents: &mut BTreeMap<u64, Var>, id: u64, g: Var) -> Result<()> {
    let sum = match cotangents.remove(&id) {
        Some(old) => old.add(&g)?,
        None => g,
    };
    cotangents.insert(id, sum);
    Ok(())
}

/// Sums a gradient over the axes along which the operand of `shape` was repeated.
fn unbroadcast(g: Var, shape: &[usize]) -> Result<Var> {
    if g.shape() == shape {
        return Ok(g);
    }
    let new = g.rank() - shape.len();
    let repeated = |&i: &usize| i < new || (shape[i - new] == 1 && g.shape()[i] != 1);
    let axes: Vec<usize> = (0..g.rank()).filter(repeated).collect();
    g.sum(&axes, true)?.reshape(shape)
}
