// The texts of the live page.

import { add } from "/screens/texts.js";

add({
  v_watch: ["Watch", "Ver"],
  v_items: ["Items", "Artículos"],
  v_items_hint: ["all, or A, B, C", "todos, o A, B, C"],
  v_places_hint: ["any, or es-001", "todos, o es-001"],
  v_groups_hint: ["none", "ninguno"],
  v_channel_hint: ["none, or web", "ninguno, o web"],
  v_choose: ["Choose items, a place or a group to watch.", "Elige artículos, un lugar o un grupo."],
  v_nothing: ["Nothing is stocked there yet. It will show as soon as it is.", "Aún no hay existencias. Aparecerán en cuanto las haya."],
  v_no_match: ["Nothing matches the search.", "Nada coincide con la búsqueda."],
  v_total: ["{rows} {rows|row|rows} · {on_hand} here · {available} available", "{rows} {rows|fila|filas} · {on_hand} aquí · {available} disponibles"],
  v_rows: ["{rows} {rows|row|rows}", "{rows} {rows|fila|filas}"],
  v_more: ["Show more ({n})", "Mostrar más ({n})"],
  v_reset: ["Everything was fetched anew: {reason}", "Se ha vuelto a cargar todo: {reason}"],
  v_selection: ["What is watched", "Qué se muestra"],
  v_selected: ["Watched: {what}", "Se muestra: {what}"],
  v_low_first: ["Available, least first", "Disponible, de menos a más"],
  v_high_first: ["Available, most first", "Disponible, de más a menos"],
  v_untracked: ["Not counted", "No se cuenta"],
});
