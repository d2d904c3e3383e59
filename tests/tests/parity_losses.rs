//! The losses against PyTorch, with the gradients to their inputs.

use clel::loss::{byol, energy_loss, nt_xent};
use clel_autograd::{GradOptions, Var, grad};
use clel_tests::on_every_device;
use serde::Deserialize;

#[derive(Deserialize)]
struct Weights {
    alpha: f64,
    beta: f64,
}

#[test]
fn energy() {
    on_every_device("loss_energy", |file| {
        for name in ["paper", "strong_guide"] {
            let case = file.under(name);
            let Weights { alpha, beta } = file.fixture.note(name)?;
            let names = ["f_pos", "g_pos", "f_neg"];
            let [f_pos, g_pos, f_neg] = names.map(|key| case.leaf(key));
            let (f_pos, g_pos, f_neg) = (f_pos?, g_pos?, f_neg?);
            let z = case.leaf("z")?;
            let out = energy_loss(&f_pos, &g_pos, &f_neg, &z, alpha, beta)?;
            case.same("loss", out.loss.tensor())?;
            case.same("energy_pos", &out.data)?;
            case.same("energy_neg", &out.samples)?;
            case.same("similarity", &out.similarity.ok_or("no similarity")?)?;
            let inputs = [&f_pos, &g_pos, &f_neg];
            let gradients = grad(&[&out.loss], &inputs, &GradOptions::default())?;
            for (key, g) in names.iter().zip(&gradients) {
                case.same(&format!("grad_{key}"), g.tensor())?;
            }
            let to_z = grad(&[&out.loss], &[&z], &GradOptions::default());
            assert!(to_z.is_err(), "the encoder must get no gradient");
        }
        Ok(())
    });
}

#[derive(Deserialize)]
struct Temperature {
    temperature: f64,
}

#[test]
fn nt_xent_with_samples_as_negatives() {
    on_every_device("loss_nt_xent", |file| {
        for name in ["samples_as_negatives", "views_only", "warm"] {
            let case = file.under(name);
            let Temperature { temperature } = file.fixture.note(name)?;
            let y = case.leaf("y")?;
            let negatives = case.has("negatives").then(|| case.leaf("negatives"));
            let negatives: Option<Var> = negatives.transpose()?;
            let loss = nt_xent(&y, negatives.as_ref(), temperature)?;
            case.same("loss", loss.tensor())?;
            let g = grad(&[&loss], &[&y], &GradOptions::default())?.remove(0);
            case.same("grad_y", g.tensor())?;
            if let Some(negatives) = &negatives {
                let to_them = grad(&[&loss], &[negatives], &GradOptions::default());
                assert!(to_them.is_err(), "the samples must get no gradient");
            }
        }
        Ok(())
    });
}

#[test]
fn predictions_of_the_other_view() {
    on_every_device("loss_byol", |file| {
        for name in ["several", "alone"] {
            let case = file.under(name);
            let (predictions, targets) = (case.leaf("predictions")?, case.leaf("targets")?);
            let loss = byol(&predictions, &targets)?;
            case.same("loss", loss.tensor())?;
            let g = grad(&[&loss], &[&predictions], &GradOptions::default())?.remove(0);
            case.same("grad_predictions", g.tensor())?;
            let to_targets = grad(&[&loss], &[&targets], &GradOptions::default());
            assert!(
                to_targets.is_err(),
                "the target network must get no gradient"
            );
        }
        Ok(())
    });
}
