//! Energy-based models guided by contrastive latent variables.
