/** Texts whose contrast with what is behind them is below 4.5 (WCAG AA): a program for the browser. */
export const lowContrasts = `(() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number)
  const luminance = colour => {
    const [r, g, b] = channels(colour).map(c => c / 255).map(c => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor
      if ((channels(colour)[3] ?? 1) === 1) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const texts = [...document.querySelectorAll('body *')].filter(
    each => each.offsetParent && [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()),
  )
  return texts.flatMap(each => {
    const [a, b] = [getComputedStyle(each).color, behind(each)].map(luminance).sort((x, y) => y - x)
    const contrast = (a + 0.05) / (b + 0.05)
    return contrast < 4.5 ? [each.textContent + ' ' + contrast.toFixed(2)] : []
  })
})()`
