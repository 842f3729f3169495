// Says which Node is needed, in a file that any Node can read; the others need one that strips types.
const [major, minor] = process.versions.node.split('.').map(Number)
if (!((major === 22 && minor >= 18) || major === 23)) {
  console.error(
    `Aurochs needs Node 22.18 or later, or 23; this is ${process.version}. Put npx -y -p node@22 before the command, as in: npx -y -p node@22 npm start`,
  )
  process.exit(1)
}
