/** Of how many parts the router makes the whole. */
const SCALE = 100;

/**
 * Next-hop weights that a router makes of Link Bandwidths: as FRR 8 and Cumulus Linux do, each path's part of the sum in hundredths,
 * rounded down, 1 at least. 1:2:3 gives 16, 33, 50. Newer FRR scales the greatest to 255 and rounds less: what is computed here is the worse.
 * @param bandwidths octets per second, each above 0.
 */
export function nextHopWeights(bandwidths: readonly number[]): number[] {
  const sum = bandwidths.reduce((total, bandwidth) => total + bandwidth, 0);
  return bandwidths.map((bandwidth) => Math.max(1, Math.floor((SCALE * bandwidth) / sum)));
}
