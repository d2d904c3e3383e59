// (numerics)
