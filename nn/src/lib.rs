//! Neural-network layers, initialisers, optimisers.
