const inverseGolden = (Math.sqrt(5) - 1) / 2

/**
 * Where a function of one maximum between `low` and `high` has it, to `tolerance`: golden-section search (Kiefer
 * 1953).
 */
export function maximumOf(value: (x: number) => number, low: number, high: number, tolerance = 1e-3): number {
  let [a, b] = [low, high]
  let x = b - inverseGolden * (b - a)
  let y = a + inverseGolden * (b - a)
  let [atX, atY] = [value(x), value(y)]
  while (b - a > tolerance) {
    if (atX >= atY) {
      ;[b, y, atY] = [y, x, atX]
      x = b - inverseGolden * (b - a)
      atX = value(x)
    } else {
      ;[a, x, atX] = [x, y, atY]
      y = a + inverseGolden * (b - a)
      atY = value(y)
    }
  }
  return (a + b) / 2
}

/** Where a function that rises from below 0 at `low` to above 0 at `high` is 0, to a relative 1e-9: bisection. */
export function zeroOf(value: (x: number) => number, low: number, high: number): number {
  let [a, b] = [low, high]
  for (let step = 0; step < 200 && b - a > 1e-9 * Math.abs(b); step++) {
    const middle = (a + b) / 2
    if (value(middle) < 0) a = middle
    else b = middle
  }
  return (a + b) / 2
}
