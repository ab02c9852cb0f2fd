// Tables that scroll are reached by the keyboard, too; the theme wraps them when the page is there.
addEventListener("load", () =>
  setTimeout(() => {
    for (const region of document.querySelectorAll(".md-typeset__scrollwrap"))
      Object.assign(region, { tabIndex: 0, role: "region", ariaLabel: "Table" });
  }),
);
