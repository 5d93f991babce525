//! The Store trait, its row codecs and the contract suite that every backend passes.
