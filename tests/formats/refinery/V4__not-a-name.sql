left alone: refinery takes letters, digits and _
