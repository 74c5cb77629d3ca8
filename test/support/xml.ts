/** Whether a text is well-formed XML, as far as a document without a prologue, comments and CDATA can be wrong. */

export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Of this element and those in it. */
  text: string;
  readonly children: Element[];
}

/** @throws Error that says what is wrong, and where */
export function parseXml(document: string): Element {
  const root: Element = { name: "", attributes: new Map(), text: "", children: [] };
  const open = [root];
  const token = /<\/([a-z]+)>|<([a-z]+)((?:\s+[a-zA-Z:-]+="[^"<]*")*)\s*(\/?)>|([^<>]+)/y;
  while (token.lastIndex < document.length) {
    const at = token.lastIndex;
    const match = token.exec(document);
    if (!match) throw new Error(`no XML: ${document.slice(at, at + 60)}`);
    const [whole, closes, name, list, empty, text] = match;
    if (/&(?!(?:amp|lt|gt|quot);)/.test(whole)) throw new Error(`an unknown entity: ${whole}`);
    if (closes !== undefined) {
      const closed = open.pop()!;
      if (closed.name !== closes) throw new Error(`</${closes}> closes <${closed.name}>`);
      open.at(-1)!.text += closed.text;
    } else if (name !== undefined) {
      const pairs = [...list!.matchAll(/([a-zA-Z:-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!] as const);
      const attributes = new Map(pairs);
      if (attributes.size < pairs.length) throw new Error(`an attribute is there twice: ${whole}`);
      const element: Element = { name, attributes, text: "", children: [] };
      open.at(-1)!.children.push(element);
      if (!empty) open.push(element);
    } else open.at(-1)!.text += text!;
  }
  if (open.length > 1) throw new Error(`<${open.at(-1)!.name}> is not closed`);
  if (root.children.length !== 1) throw new Error(`${root.children.length} elements are not inside of another`);
  return root.children[0]!;
}

/** An element and all that are in it, in the order of the text. */
export function elementsOf(element: Element): readonly Element[] {
  return [element, ...element.children.flatMap(elementsOf)];
}
