//! Hides a payload in the low bits of image samples: SIMD, keyed, reversible, no required dependency.
