/** (pairs) What a split makes of each pair of a dataset, by its place. */
export type Marks = Uint8Array

/** The training may know it. */
export const trained = 0
/** It is to be found. */
export const held = 1
/** The training does not know it, but lists rest on it: a user who is held out has done it before. */
export const given = 2
