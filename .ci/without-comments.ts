const comment = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const string = /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"/y
const regex = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\//y
/** A template literal as far as its next `${`, from its beginning or from the `}` that ends an expression in it. */
const templatePiece = /[`}](?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y
/** What stands before a slash that begins a regular expression rather than divides. */
const beforeRegex = /(?:^|[(,=:[!&|?{;~+\-*%<>^]|\b(?:return|typeof|case|in|of|else|throw|await|yield))\s*$/

/** A program in TypeScript with a space for each character of its comments, so that all else keeps its place. */
export function withoutComments(program: string): string {
  let code = ''
  /** For each template literal around this place: how many braces are open in its expression. */
  const braces: number[] = []
  while (code.length < program.length) {
    const at = code.length
    const take = (pattern: RegExp) => {
      pattern.lastIndex = at
      return pattern.exec(program)?.[0]
    }
    const begin = program[at]!
    const remark = begin === '/' ? take(comment) : undefined
    if (remark !== undefined) {
      code += remark.replace(/[^\n]/g, ' ')
    } else if (begin === '`' || (begin === '}' && braces.at(-1) === 0)) {
      if (begin === '}') braces.pop()
      const piece = take(templatePiece) ?? begin
      if (piece.endsWith('${')) braces.push(0)
      code += piece
    } else if (begin === "'" || begin === '"') {
      code += take(string) ?? begin
    } else if (begin === '/' && beforeRegex.test(code.slice(-40))) {
      code += take(regex) ?? begin
    } else {
      if (begin === '{' && braces.length > 0) braces[braces.length - 1]!++
      if (begin === '}' && braces.length > 0) braces[braces.length - 1]!--
      code += begin
    }
  }
  return code
}
