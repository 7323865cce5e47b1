"use strict";
document.getElementById("problems").focus();
