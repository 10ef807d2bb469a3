(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const panel = document.getElementById("filters");
  if (!panel) return;
  const severities = all('input[name="severity"]');
  const item = document.getElementById("filter-item");
  const status = document.getElementById("filter-status");
  const evidence = document.getElementById("filter-evidence");
  const text = document.getElementById("filter-text");
  const told = document.getElementById("filter-told");
  const findings = all(".finding").map((element) => ({
    element,
    words: (element.closest(".group").dataset.words + " " + element.textContent).toLowerCase(),
  }));
  const matches = ({ element, words }, wanted) =>
    wanted.severities.has(element.dataset.severity) &&
    (!item.value || element.dataset.item === item.value) &&
    (!status.value || element.dataset.status === status.value) &&
    (!evidence.value || element.dataset.evidence.split(" ").includes(evidence.value)) &&
    words.includes(wanted.text);
  const apply = () => {
    const wanted = {
      severities: new Set(severities.filter((box) => box.checked).map((box) => box.value)),
      text: text.value.trim().toLowerCase(),
    };
    let shown = 0;
    for (const finding of findings) {
      const kept = matches(finding, wanted);
      finding.element.hidden = !kept;
      shown += kept;
    }
    for (const group of all(".group")) group.hidden = !group.querySelector(".finding:not([hidden])");
    told.textContent = `${shown} of ${findings.length} findings shown`;
  };
  for (const control of [...severities, item, status, evidence]) control.addEventListener("change", apply);
  text.addEventListener("input", apply);
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      text.focus();
    } else if (event.key === "Escape" && event.target === text) {
      text.value = "";
      apply();
    }
  });
  const folded = () => all("details:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = folded(); for (const each of opened) each.open = true; });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
  panel.hidden = false;
  apply();
})();
