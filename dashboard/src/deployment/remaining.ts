/** How much longer a deployment is likely to take, now that some time has passed since that was estimated. */

interface Range {
  leastS: number;
  mostS: number;
}

/** Undefined: it takes longer than it was likely to. */
export function remainingNow({ leastS, mostS }: Range, passedS: number): Range | undefined {
  const most = Math.round(mostS - passedS);
  if (most <= 0) return undefined;
  return { leastS: Math.max(0, Math.round(leastS - passedS)), mostS: most };
}
