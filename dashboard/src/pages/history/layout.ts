/** Sizes that a chart and what stands above it share. */
export const HEIGHT_PX = 190;
/** Room for the values at the left of a chart, and beside its right end. */
export const AXIS_PX = 74;
export const RIGHT_PX = 20;
