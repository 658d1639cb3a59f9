/** Keyward's mark: a shield with a keyhole. The pages, the icon of the tab and the picture of the bundle are this drawing. */

/** A shield: two circles meet in its tip and a line closes its top. `grow` moves its edge outwards, in a square from -1 to 1. */
function shield(grow: number): string {
  const [half, top, radius] = [0.54 + grow, -0.58 - grow, 1.06 + grow];
  const tip = Math.sqrt(radius ** 2 - 0.52 ** 2) - 0.28;
  const arc = `A${radius} ${radius} 0 0 1`;
  return `M${-half} ${top}H${half}V-.28${arc}0 ${tip.toFixed(4)}${arc}${-half} -.28Z`;
}

/** The mark as SVG, for a page or a file of its own; it does not say its name. */
export const keywardMark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 2 2" aria-hidden="true" focusable="false"><defs><linearGradient id="kw-ground" gradientUnits="userSpaceOnUse" x1="0" y1="-1" x2="0" y2="1"><stop stop-color="#3a3f91"/><stop offset="1" stop-color="#161b3a"/></linearGradient><linearGradient id="kw-metal" gradientUnits="userSpaceOnUse" x1="-.5" y1="-.5" x2=".5" y2=".5"><stop stop-color="#7ef0c8"/><stop offset="1" stop-color="#5ca0ff"/></linearGradient></defs><rect x="-.98" y="-.98" width="1.96" height="1.96" rx=".42" fill="url(#kw-ground)"/><path d="${shield(0.05)}" fill="none" stroke="url(#kw-metal)" stroke-opacity=".9" stroke-width=".07" stroke-linejoin="round"/><path d="${shield(-0.05)}" fill="url(#kw-metal)"/><path d="M-.05-.16H.05L.075.27H-.075Z" fill="url(#kw-ground)"/><circle cy="-.16" r=".15" fill="url(#kw-ground)"/></svg>`;
